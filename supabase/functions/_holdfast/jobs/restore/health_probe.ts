/** Distinguishes a failure of one object from an outage of Storage. */
import { HoldfastError } from "../../config/errors.ts";
import type { ObjectReader } from "../../project/storage_reader.ts";
import type { ObjectWriter, WriteOutcome } from "../../project/storage_writer.ts";

/** Name of the probe object. The other objects of a scratch bucket are named by digests. */
const NAME = "probe";
/** Lease of a page from which a failure is checked by a probe. The first lease waits for an outage. */
const MIN_HEALTH_CHECK_LEASES = 2;

/** Whether Storage can store and return a small object now. */
export type StorageHealthCheck = () => Promise<boolean>;

/**
 * Makes a health check that writes and reads a probe object in the scratch bucket. It never throws.
 *
 * @param scratch name of the scratch bucket
 */
export function createHealthProbe(
  writer: ObjectWriter,
  reader: ObjectReader,
  scratch: string,
): StorageHealthCheck {
  const probe = async () => {
    try {
      const bytes = () => Promise.resolve(new TextEncoder().encode(NAME));
      const options = { contentType: "text/plain", cacheControl: null, upsert: true };
      const put = await writer.upload(scratch, NAME, bytes, options);
      if (put.kind !== "done") return false;
      const answer = await reader.read(scratch, NAME);
      if (answer.kind !== "bytes") return false;
      return await answer.response.text() === NAME;
    } catch {
      // Any error means that Storage is unhealthy. The caller then reports the original failure.
      return false;
    }
  };
  let asking: Promise<boolean> | undefined;
  // Concurrent checks share one probe: a read during another probe's overwrite may find nothing.
  return () => asking ??= probe().finally(() => asking = undefined);
}

/**
 * Wraps a writer: if a write fails and Storage is healthy, the failure counts as a refusal of the
 * object. A trigger of the project may refuse an object with a 500, and waiting would never end.
 *
 * @param attempts leases of the cursor since its last commit, this one included
 */
export function healthCheckedWriter(
  writer: ObjectWriter,
  storageIsHealthy: StorageHealthCheck,
  attempts: number,
): ObjectWriter {
  const checkHealth = async (write: () => Promise<WriteOutcome>): Promise<WriteOutcome> => {
    try {
      return await write();
    } catch (error) {
      const failed = error instanceof HoldfastError && error.code === "storage_unreachable";
      if (!failed || attempts < MIN_HEALTH_CHECK_LEASES || !await storageIsHealthy()) throw error;
      return { kind: "refused", message: error.message };
    }
  };
  return {
    ...writer,
    upload: (...request) => checkHealth(() => writer.upload(...request)),
    move: (...request) => checkHealth(() => writer.move(...request)),
  };
}
