import type { ObjectRow } from "./project_reader.ts";
import type { Entry } from "../../stack/repository_reader.ts";

/** The values of an entry that a restore needs, in the format of a Storage row. */
export function factsOfEntry(entry: Entry) {
  return {
    version: entry.version,
    size: entry.size,
    type: entry.type,
    cache_control: entry.cache_control,
    etag: entry.etag,
    user_metadata: entry.user_metadata,
    owner_id: entry.owner_id,
    created_at: entry.created_at,
  };
}

/** The same values of Storage's row. */
export function factsOfRow(row: ObjectRow): Record<keyof ReturnType<typeof factsOfEntry>, unknown> {
  const { metadata } = row;
  return {
    version: row.version,
    size: metadata.size,
    type: metadata.mimetype,
    cache_control: metadata.cacheControl,
    etag: String(metadata.eTag).replaceAll('"', ""),
    user_metadata: row.user_metadata,
    owner_id: row.owner_id,
    created_at: row.created_at,
  };
}
