/** Creates objects of a project's Storage without its API: rows by SQL, bytes as files. */
import { createHash, randomBytes } from "node:crypto";
import { ByteStore } from "../../../stack/storage/byte_store.ts";
import type { Connection } from "../../../stack/postgres/connection.ts";

/** The objects to create. */
export interface ObjectsToLay {
  readonly bucket: string;
  readonly count: number;
  /** The size of each, in bytes. */
  readonly size: number;
  /** Whether the bytes are zeros in sparse files. */
  readonly hollow?: boolean;
}

const FACTS = { mimetype: "image/png", cacheControl: "max-age=3600" };
const CHUNK_BYTES = 1024 * 1024;
const ROWS_AT_ONCE = 1_000;

/** Creates objects with incompressible bytes under unsorted names. */
export async function layObjects(
  sql: Connection,
  directory: string,
  { bucket, count, size, hollow = false }: ObjectsToLay,
): Promise<void> {
  await sql`insert into storage.buckets (id, name) values (${bucket}, ${bucket})`;
  const store = new ByteStore(directory);
  const chunk = randomBytes(Math.min(size, CHUNK_BYTES));
  let rows = [];
  for (let index = 0; index < count; index++) {
    const name = nameOf(index);
    const version = crypto.randomUUID();
    const location = { bucket, name, version };
    const facts = hollow
      ? await store.writeHole(location, size, FACTS)
      : await store.write(location, bytesOf(chunk, index, size), FACTS);
    const metadata = { ...facts, contentLength: size, httpStatusCode: 200 };
    rows.push({ bucket_id: bucket, name, version, metadata });
    if (rows.length === ROWS_AT_ONCE || index === count - 1) {
      await sql`
        insert into storage.objects (bucket_id, name, version, metadata, user_metadata, owner_id)
        select x.bucket_id, x.name, x.version, x.metadata, '{}', gen_random_uuid()::text
        from jsonb_to_recordset(${sql.json(rows)})
          as x (bucket_id text, name text, version text, metadata jsonb)`;
      rows = [];
    }
  }
}

/** A typical name of an app: a user's folder and a unique part. */
export function nameOf(index: number): string {
  const digest = createHash("md5").update(String(index)).digest("hex");
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}/${digest.slice(12)}.png`;
}

async function* bytesOf(chunk: Uint8Array, index: number, size: number) {
  const marked = chunk.slice();
  const view = new DataView(marked.buffer);
  view.setUint32(0, index);
  for (let left = size; left > 0; left -= chunk.length) {
    // All pieces differ, so that a wrong order is detected.
    if (size > CHUNK_BYTES) view.setFloat64(4, left);
    yield marked.subarray(0, Math.min(left, chunk.length));
  }
}
