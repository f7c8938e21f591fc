/** Parses and validates lines of listings. Nothing that is read from a bucket is trusted. */
import { z } from "zod";
import { HoldfastError } from "../../config/errors.ts";
import { isStorable, parseExactly, parseIfJson } from "../../lib/codecs/json.ts";

/** Longest text. Postgres can't index longer names, even if they compress well. */
const MAX_TEXT_CHARACTERS = 1_048_576;
/** S3's limit of parts of one upload. Each part is hashed separately when an object is read back. */
const MAX_PARTS = 10_000;
/** Most nesting levels of JSON in a text. */
const MAX_TEXT_DEPTH = 15_000;
const text = z.string().max(MAX_TEXT_CHARACTERS);

/** A key that stays below the prefix and among the data. */
const dataKeySchema = z.string().max(1_024).regex(/^data\/./).refine(
  (key) => key.split("/").every((segment) => segment !== "." && segment !== ".." && segment !== ""),
  { error: "is not a key below data/" },
);

const time = text.refine(isTime, { error: "is not a time" });

const putSchema = z.object({
  op: z.literal("put"),
  bucket: text,
  name: text,
  // Any UUID that Postgres accepts. Ids in seed files often have no version of RFC 9562.
  id: z.guid().nullish(),
  version: text,
  key: dataKeySchema.optional(),
  size: z.int().nonnegative().optional(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/).optional(),
  part_size: z.int().positive().optional(),
  assumed: z.boolean().optional(),
  wanted_version: text.optional(),
  code: z.string().max(100).optional(),
  type: text.nullish(),
  cache_control: text.nullish(),
  user_metadata: z.unknown(),
  user_metadata_text: text.refine(isJsonText, { error: "is no JSON" }).optional(),
  owner_id: text.nullish(),
  created_at: time.nullish(),
  updated_at: time.nullish(),
  etag: text.nullish(),
}).refine(
  ({ key, size, sha256 }) => (key === undefined) === (size === undefined || sha256 === undefined),
  {
    error: "must come with its size and sha256",
    path: ["key"],
  },
).refine(({ key, wanted_version }) => key !== undefined || wanted_version !== undefined, {
  error: "is required without wanted_version",
  path: ["key"],
}).refine(({ size = 0, part_size = Infinity }) => size <= part_size * MAX_PARTS, {
  error: `makes more than ${MAX_PARTS} parts`,
  path: ["part_size"],
});

const lineSchema = z.discriminatedUnion("op", [
  putSchema,
  z.object({ op: z.literal("remove"), bucket: text, name: text }),
]);

/** A line in the form of the SQL function `import_page`. */
export interface CatalogLine {
  readonly op: "put" | "remove";
  readonly bucket_id: string;
  readonly name: string;
  readonly [field: string]: unknown;
}

/**
 * Parses and validates a line of a listing.
 *
 * @param part key of the part
 * @param number number of the line, from 1
 * @throws HoldfastError `repository_damaged`, which names the part and the line
 */
export function parseLine(part: string, number: number, line: string): CatalogLine {
  const read = parseIfJson(line, parseExactly);
  const parsed = lineSchema.safeParse(read);
  if (!parsed.success) {
    const fault = parsed.error.issues[0];
    throw damaged(part, number, `${fault?.path.join(".") || "line"} ${fault?.message ?? ""}`);
  }
  if (!isStorable(read)) throw damaged(part, number, "holds what Postgres can't store");
  const value = parsed.data;
  if (value.op === "remove") return { op: "remove", bucket_id: value.bucket, name: value.name };
  return putLine(value);
}

/**
 * Parses and validates the lines `from` (inclusive) to `to` (exclusive) of a part.
 *
 * @param part key of the part
 * @param names names of the part's earlier lines; the new ones are added. A name may occur only once
 * @throws HoldfastError `repository_damaged`, which names the part and the line
 */
export function parseLines(
  part: string,
  lines: readonly string[],
  [from, to]: readonly [from: number, to: number],
  names: Set<string>,
): CatalogLine[] {
  return lines.slice(from, to).map((text, index) => {
    const number = from + index + 1;
    const line = parseLine(part, number, text);
    const name = `${line.bucket_id}\0${line.name}`;
    if (names.has(name)) throw damaged(part, number, "names an object for the second time");
    names.add(name);
    return line;
  });
}

function damaged(part: string, number: number, fault: string): HoldfastError {
  return new HoldfastError("repository_damaged", `${part}, line ${number}: ${fault}`);
}

/** Whether Postgres can parse a text as jsonb. Its parser supports some 20,000 levels. */
function isJsonText(text: string): boolean {
  const value = parseIfJson(text);
  return value !== undefined && isStorable(value, MAX_TEXT_DEPTH);
}

/** Whether a text is a time in UTC (ISO 8601) that Postgres can parse, with an existing date. */
function isTime(text: string): boolean {
  const found = /^(\d{4,6})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?Z$/.exec(text);
  if (!found) return false;
  const [year, month, day] = found.slice(1, 4).map(Number) as [number, number, number];
  // Leap years repeat every 400 years. Postgres accepts the years 1 to 294,275.
  const date = new Date(Date.UTC(2000 + year % 400, month - 1, day));
  return year > 0 && year < 294_276 && date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day;
}

function putLine(value: z.output<typeof putSchema>): CatalogLine {
  const { key, size, sha256 } = value;
  const held = key !== undefined && size !== undefined && sha256 !== undefined;
  return {
    op: "put",
    bucket_id: value.bucket,
    name: value.name,
    object_id: value.id ?? null,
    version: value.version,
    assumed: value.assumed ?? false,
    metadata: {
      type: value.type ?? null,
      cache_control: value.cache_control ?? null,
      user_metadata: value.user_metadata ?? null,
      ...(value.user_metadata_text === undefined
        ? {}
        : { user_metadata_text: value.user_metadata_text }),
      owner_id: value.owner_id ?? null,
      created_at: value.created_at ?? null,
      updated_at: value.updated_at ?? null,
      etag: value.etag ?? null,
    },
    ...(held ? { stored: { key, size, sha256, part_size: value.part_size ?? null } } : {}),
    ...(value.wanted_version === undefined
      ? {}
      : { wanted_version: value.wanted_version, code: value.code ?? "storage_failed" }),
  };
}
