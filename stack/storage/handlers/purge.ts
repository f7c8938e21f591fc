import { answerJson, type Handler } from "../exchange.ts";

/** Purges the cache of the project, of a bucket, or of an object. */
export const purge: Handler = (services, { bucket, name }) => {
  services.cdn.purge(bucket || undefined, name || undefined);
  return Promise.resolve(answerJson({ message: "success", statusCode: "200" }));
};
