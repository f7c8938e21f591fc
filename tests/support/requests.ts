import { stack, type TestProject } from "./project.ts";

/** Number of requests of each route during an action. */
export interface Requests {
  storage: Record<string, number>;
  s3: Record<string, number>;
}

/** Runs an action and counts its requests to Storage and to the repository's bucket. */
export async function countRequests<Result>(
  project: TestProject,
  action: () => Promise<Result>,
): Promise<{ result: Result } & Requests> {
  const { bucket } = project.repository;
  const before = (await stack.s3Requests(bucket)).records.length;
  await project.client.call("resetStorageRequests", {});
  const result = await action();
  const { records } = await stack.s3Requests(bucket);
  const { counts } = await project.client.storageRequests();
  return { result, storage: counts, s3: countRoutes(records.slice(before)) };
}

function countRoutes(records: { route: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { route } of records) counts[route] = (counts[route] ?? 0) + 1;
  return counts;
}
