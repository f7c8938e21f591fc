/** Telling an object that Storage will not take or give from a Storage that is out. */
import { HoldfastError } from "../../config/errors.ts";
import type { ObjectReader } from "../../project/storage_reader.ts";
import type { ObjectWriter, WriteOutcome } from "../../project/storage_writer.ts";

/** No name of an object in a scratch bucket: those are digests. */
const NAME = "probe";
/** From this lease of a page on what Storage fails at is doubted; the first may have met an outage. */
const MIN_HEALTH_CHECK_LEASES = 2;

/** Whether Storage takes a few bytes and gives them back, now. */
export type StorageHealthCheck = () => Promise<boolean>;

/** Asks with an object of its own in the scratch bucket. */
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
      // An outage, a refused key, a body that breaks off: none is the object's that is doubted, whose own
      // failure is what is told then.
      return false;
    }
  };
  let asking: Promise<boolean> | undefined;
  // One at a time: who reads while another overwrites may find nothing.
  return () => asking ??= probe().finally(() => asking = undefined);
}

/**
 * A writer for which a failure of Storage is the object's own where Storage is well: a trigger of the
 * project's may refuse one object with a 500, and whoever waited for that to pass would wait for ever.
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
