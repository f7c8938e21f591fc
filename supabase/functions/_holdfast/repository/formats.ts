/** Schemas of the repository's documents, which validate what is read. docs/FORMAT.md is normative. */
import { z } from "zod";
import { HoldfastError } from "../config/errors.ts";
import { MAX_SNAPSHOT_BYTES } from "./documents.ts";
import { isStorable } from "../lib/codecs/json.ts";
import { faultsOf } from "../config/faults.ts";
import { FORMAT_VERSION } from "../config/version.ts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();
/** A bigint of Postgres. A double may not keep all of its digits. */
const bigint = z.number().refine(
  (value) => Number.isInteger(value) && Math.abs(value) <= 2 ** 63,
  { error: "must be a whole number of 64 bits" },
);
/** A time for people. No code depends on it. */
const moment = z.string().max(100);
/** A sequence number. The catalog stores it as a Postgres integer, so no valid one is larger. */
const sequence = z.int().positive().max(2_147_483_647);

/** Most faults that an error names. A malformed document may have one in each line. */
const MAX_FAULTS = 10;
/**
 * Most values of a document. They are counted before parsing, because two bytes of text become a
 * value of about 50 bytes in memory.
 */
const MAX_VALUES = 2_000_000;
/** Most items of one list, because their validation costs CPU. */
const MAX_ITEMS = 100_000;

/** Values of `requires` that this version of Holdfast supports. */
const KNOWN_REQUIREMENTS: ReadonlySet<string> = new Set();

/** Schema of holdfast.json, the repository's identity. */
export const identitySchema = z.object({
  format: z.int().positive(),
  repository_id: z.uuid(),
  created_at: z.string(),
  requires: z.array(z.string()).default([]),
});
/** The content of holdfast.json. */
export type Identity = z.output<typeof identitySchema>;

/** Schema of a log record. */
export const recordSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("owner"),
    sequence,
    at: moment,
    project_url: z.string().max(500),
  }),
  z.object({
    kind: z.literal("snapshot"),
    sequence,
    at: moment,
    snapshot: z.string().regex(/^\d{8}T\d{6}Z-\d{1,16}$/),
    sha256,
    project_url: z.string().max(500),
  }),
]);
/** A log record: it names the repository's owner, or a sealed snapshot. */
export type LogRecord = z.output<typeof recordSchema>;

/** Schema of a reference to a part of a listing. */
export const partSchema = z.object({
  key: z.string().regex(/^lists\/[0-9a-f]{64}\.ndjson\.gz$/),
  kind: z.enum(["full", "changes"]),
  sequence,
  entries: count,
  bytes: count,
});
/** A reference to a part of a listing. The key has the SHA-256 of the part's compressed bytes. */
export type ListPart = z.output<typeof partSchema>;

/** The fields of a bucket that a restore reads. Other columns of its row are kept unchanged. */
const bucketSchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  public: z.boolean().nullish(),
  avif_autodetection: z.boolean().nullish(),
  file_size_limit: bigint.nullish(),
  // SQL can write a null into the array, which allows no type.
  allowed_mime_types: z.array(z.string().nullable())
    .transform((types) => types.filter((type) => type !== null)).nullish(),
  owner_id: z.string().nullish(),
  // A row may have the time infinity, which a restore does not write.
  created_at: z.iso.datetime({ offset: true }).nullish().catch(null),
});

/** Schema of snapshots/<id>.json. */
export const snapshotSchema = z.object({
  format: z.int().positive(),
  requires: z.array(z.string()).default([]),
  id: z.string().regex(/^\d{8}T\d{6}Z-\d{1,16}$/),
  sequence,
  repository_id: z.uuid(),
  state: z.enum(["complete", "partial"]),
  project_url: z.string().max(500),
  started_at: z.iso.datetime({ offset: true }),
  sealed_at: z.iso.datetime({ offset: true }),
  holdfast_version: z.string(),
  parts: z.array(partSchema),
  buckets: z.array(bucketSchema),
  policies: z.array(z.looseObject({})),
  totals: z.looseObject({
    objects: count,
    bytes: count,
    unavailable: count,
    failed: count.optional(),
  }),
}).refine(({ parts, sequence }) => parts.every((part) => part.sequence <= sequence), {
  error: "are of later snapshots",
  path: ["parts"],
}).refine(
  ({ parts }) =>
    new Set(parts.map(({ key, sequence }) => `${sequence} ${key}`)).size === parts.length,
  {
    error: "name one part twice",
    path: ["parts"],
  },
).refine(({ buckets }) => new Set(buckets.map(({ id }) => id)).size === buckets.length, {
  error: "name one bucket twice",
  path: ["buckets"],
});
/** The content of snapshots/<id>.json. */
export type SnapshotDocument = z.output<typeof snapshotSchema>;

/**
 * Parses and validates a document of the repository.
 *
 * @param key key of the document, which errors name
 * @throws HoldfastError `repository_damaged` if the document does not match the schema;
 * `repository_format_unsupported`, which names what needs a newer Holdfast
 */
export function parseDocument<Schema extends z.ZodType>(
  key: string,
  bytes: Uint8Array,
  schema: Schema,
): z.output<Schema> {
  if (valuesIn(bytes) > MAX_VALUES) {
    throw new HoldfastError("repository_damaged", `${key} has more than ${MAX_VALUES} values`);
  }
  const value = parseJson(key, bytes);
  refuseNewer(key, value);
  if (hasTooMuch(value)) {
    throw new HoldfastError("repository_damaged", `${key} lists more than ${MAX_ITEMS} items`);
  }
  if (!isStorable(value)) {
    throw new HoldfastError("repository_damaged", `${key} holds what Postgres can't store`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = faultsOf(result.error).slice(0, MAX_FAULTS);
  throw new HoldfastError(
    "repository_damaged",
    `${key}: ${faults.map(({ path, message }) => `${path} ${message}`).join("; ")}`,
    { faults },
  );
}

/**
 * Verifies before a snapshot.json is written that it is within the limits of a reader.
 *
 * @param text the document's text
 * @param value the document's value
 * @throws HoldfastError `snapshot_too_large`
 */
export function assertReadable(text: string, value: object): void {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= MAX_SNAPSHOT_BYTES && valuesIn(bytes) <= MAX_VALUES && !hasTooMuch(value)) {
    return;
  }
  throw new HoldfastError(
    "snapshot_too_large",
    `snapshot.json would have ${bytes.length} bytes, and it or its lists would exceed a reader's limits.`,
  );
}

/** Upper bound of the number of values in JSON: a comma or a bracket precedes each. */
function valuesIn(bytes: Uint8Array): number {
  let values = 1;
  for (const byte of bytes) {
    if (byte === COMMA || byte === BRACKET || byte === BRACE) values += 1;
  }
  return values;
}

const [COMMA, BRACKET, BRACE] = [0x2c, 0x5b, 0x7b];

function hasTooMuch(value: unknown): boolean {
  return value !== null && typeof value === "object" &&
    Object.values(value).some((list) => Array.isArray(list) && list.length > MAX_ITEMS);
}

function parseJson(key: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new HoldfastError("repository_damaged", `${key} is not JSON`, { cause: error });
  }
}

/** The fields are validated separately, because a newer format may have changed one of them. */
const headSchema = z.object({
  format: z.number().catch(FORMAT_VERSION),
  requires: z.array(z.string()).catch([]),
});

/** Refuses a newer format. This precedes the schema, which can't describe a newer format. */
function refuseNewer(key: string, value: unknown): void {
  const head = headSchema.safeParse(value).data;
  if (!head) return;
  const { format, requires } = head;
  if (format > FORMAT_VERSION) {
    throw new HoldfastError(
      "repository_format_unsupported",
      `${key} is of format ${format}; this Holdfast reads up to ${FORMAT_VERSION}`,
    );
  }
  const unknown = requires.filter((name) => !KNOWN_REQUIREMENTS.has(name));
  if (unknown.length > 0) {
    throw new HoldfastError(
      "repository_format_unsupported",
      `${key} requires what this Holdfast does not know: ${unknown.join(", ")}`,
    );
  }
}

/** Formats a document as its exact text: indented by two spaces for people, with a line feed at the end. */
export function formatDocument(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
