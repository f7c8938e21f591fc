import { Buffer } from "node:buffer";
import { escapePattern } from "./buckets.ts";
import { refusing, type Sql } from "./database.ts";
import { refusal } from "./errors.ts";

/** The parameters of a version 2 listing. */
export interface Listing {
  readonly prefix: string;
  readonly limit: number;
  /** Whether objects below a folder are listed as one folder. */
  readonly folders: boolean;
  readonly column: "name" | "created_at" | "updated_at";
  readonly order: "asc" | "desc";
  /** The position of the previous page's last entry. */
  readonly after: Position | undefined;
}

/** A position in a listing: the name, and the time if the listing is sorted by time. */
export interface Position {
  readonly name: string;
  readonly time?: string;
}

interface Entry {
  key?: string;
  name: string;
  id: string | null;
  updated_at: Date | null;
  created_at: Date | null;
  last_accessed_at: Date | null;
  metadata: Record<string, unknown> | null;
}

/** A page of a listing with one additional entry, if any, which shows that a next page exists. */
async function entriesOf(sql: Sql, bucket: string, listing: Listing): Promise<Entry[]> {
  const { prefix, column, order, after, limit, folders } = listing;
  const pattern = `${escapePattern(prefix)}%`;
  const level = prefix.split("/").length;
  const time = column === "name"
    ? sql`'epoch'::timestamptz`
    : sql`date_trunc('milliseconds', ${sql(column)})`;
  const direction = order === "desc" ? sql`desc` : sql`asc`;
  const comparison = order === "desc" ? sql`<` : sql`>`;
  return await refusing(sql<Entry[]>`
    with found as (
      select *, length(${prefix}::text) as start, substr(name, length(${prefix}::text) + 1) as rest
      from storage.objects where bucket_id = ${bucket} and name like ${pattern}
    ), entries as (
      select name, id, updated_at, created_at, last_accessed_at, metadata
      from found where not ${folders}::boolean or strpos(rest, '/') = 0
      union all
      select left(name, start + strpos(rest, '/')), null, min(created_at), min(created_at), null,
        null
      from found where ${folders}::boolean and strpos(rest, '/') > 0
      group by 1
    )
    select ${folders ? sql`split_part(name, '/', ${level}) as key,` : sql``} *
    from entries
    ${
    after
      ? sql`where (${time}, name collate "C")
          ${comparison} (${after.time ?? "1970-01-01T00:00:00Z"}::timestamptz, ${after.name})`
      : sql``
  }
    order by ${time} ${direction}, name collate "C" ${direction}
    limit ${limit + 1}`);
}

/** A page of a version 2 listing as Storage answers it. */
export async function listPage(sql: Sql, bucket: string, listing: Listing) {
  const found = await entriesOf(sql, bucket, listing);
  const page = found.slice(0, listing.limit);
  const hasNext = found.length > page.length;
  const last = page.at(-1);
  return {
    hasNext,
    ...(hasNext && last
      ? { nextCursor: encodeCursor(listing, last), nextCursorKey: last.name }
      : {}),
    folders: page.filter((entry) => entry.id === null),
    objects: page.filter((entry) => entry.id !== null),
  };
}

function encodeCursor({ column, order }: Listing, last: Entry): string {
  const time = column === "name" ? undefined : last[column]?.toISOString();
  const lines = [`l:${last.name}`, `o:${order}`, `c:${column}`, ...(time ? [`a:${time}`] : [])];
  return Buffer.from(lines.join("\n")).toString("base64");
}

/**
 * Decodes the cursor of an earlier page.
 *
 * @throws StorageError InvalidParameter.
 */
export function decodeCursor(cursor: string): Pick<Listing, "column" | "order" | "after"> {
  const values: Record<string, string> = {};
  for (const line of Buffer.from(cursor, "base64").toString().split("\n")) {
    const match = /^([loca]):(.*)$/.exec(line);
    if (!match) throw refusal.invalidParameter("continuation token");
    values[match[1]] = match[2];
  }
  return {
    column: values.c === "created_at" || values.c === "updated_at" ? values.c : "name",
    order: values.o === "desc" ? "desc" : "asc",
    after: { name: values.l ?? "", time: values.a },
  };
}
