import { z } from "zod";
import { operation } from "./operation.ts";

const project = z.string();

/** A fault of the Storage stand-in: see FaultRule in stack/storage/faults.ts. */
const faultRule = z.strictObject({
  route: z.string().optional(),
  pathContains: z.string().optional(),
  skip: z.int().nonnegative().optional(),
  count: z.int().positive().optional(),
  fault: z.strictObject({
    delayMilliseconds: z.int().positive().optional(),
    status: z.int().optional(),
    code: z.string().nullable().optional(),
    message: z.string().optional(),
    retryAfterSeconds: z.int().optional(),
    reset: z.enum(["before", "after"]).optional(),
    truncateAfterBytes: z.int().nonnegative().optional(),
    etag: z.string().optional(),
    flipByteAt: z.int().nonnegative().optional(),
  }),
});

/** Operations on a project's Storage and the CDN in front of it. */
export const storageOperations = {
  storageRequests: operation(z.strictObject({ project }), (stack, { project }) => {
    const { requests } = stack.project(project).parts.storage;
    return {
      counts: requests.counts(),
      records: requests.records(),
      mostInFlight: requests.mostInFlight,
    };
  }),
  /** Counts by route since the last reset. They include requests without a record. */
  storageRequestCounts: operation(
    z.strictObject({ project }),
    (stack, { project }) => stack.project(project).parts.storage.requests.counts(),
  ),
  resetStorageRequests: operation(
    z.strictObject({ project }),
    (stack, { project }) => stack.project(project).parts.storage.requests.reset(),
  ),
  addStorageFault: operation(
    z.strictObject({ project, rule: faultRule }),
    (stack, { project, rule }) => stack.project(project).parts.storage.faults.add(rule),
  ),
  clearStorageFaults: operation(
    z.strictObject({ project }),
    (stack, { project }) => stack.project(project).parts.storage.faults.clear(),
  ),
  loseBytes: operation(
    z.strictObject({ project, bucket: z.string(), name: z.string() }),
    (stack, { project, bucket, name }) =>
      stack.project(project).parts.storage.loseBytes(bucket, name),
  ),
  setCdn: operation(
    z.strictObject({
      project,
      enabled: z.boolean().optional(),
      staleMilliseconds: z.int().nonnegative().optional(),
      advanceMilliseconds: z.int().positive().optional(),
    }),
    (stack, input) => {
      const { cdn } = stack.project(input.project).parts.storage;
      if (input.enabled !== undefined) cdn.enabled = input.enabled;
      if (input.staleMilliseconds !== undefined) cdn.staleMilliseconds = input.staleMilliseconds;
      const now = cdn.now;
      const ahead = input.advanceMilliseconds;
      if (ahead !== undefined) cdn.now = () => now() + ahead;
    },
  ),
  purgeCdn: operation(
    z.strictObject({ project, bucket: z.string().optional(), name: z.string().optional() }),
    (stack, { project, bucket, name }) =>
      stack.project(project).parts.storage.cdn.purge(bucket, name),
  ),
};
