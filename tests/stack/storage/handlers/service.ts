import { answerJson, type Handler } from "../exchange.ts";

/** Purges the cache of the project, of a bucket, or of an object. */
export const purge: Handler = (services, { bucket, name }) => {
  services.cdn.purge(bucket || undefined, name || undefined);
  return Promise.resolve(answerJson({ message: "success", statusCode: "200" }));
};

export const status: Handler = () =>
  Promise.resolve({ status: 200, headers: new Headers(), body: null });

export const health: Handler = async ({ database }) => {
  const healthy = await database.service`select id from storage.buckets limit 1`
    .then(() => true, () => false);
  return answerJson({ healthy });
};
