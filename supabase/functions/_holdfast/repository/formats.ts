/** The repository's documents. docs/FORMAT.md is normative; what is read is checked here. */
import { z } from "zod";
import { HoldfastError } from "../config/errors.ts";
import { MAX_SNAPSHOT_BYTES } from "./documents.ts";
import { isStorable } from "../lib/codecs/json.ts";
import { faultsOf } from "../config/faults.ts";
import { FORMAT_VERSION } from "../config/version.ts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();
/** As Postgres has them; a double need not keep all of its digits. */
const bigint = z.number().refine(
  (value) => Number.isInteger(value) && Math.abs(value) <= 2 ** 63,
  { error: "must be a whole number of 64 bits" },
);
/** For people; nothing is decided by it. */
const moment = z.string().max(100);
/** The catalog counts in Postgres's integers; a larger one was never given. */
const sequence = z.int().positive().max(2_147_483_647);

/** A document of lies has a fault in each line; these are enough to look at it. */
const MAX_FAULTS = 10;
/**
 * Values of a document, and items of one list of it. They are counted before they are made and looked
 * at: two bytes of text become a value of fifty, and what is looked at takes CPU.
 */
const MAX_VALUES = 2_000_000;
const MAX_ITEMS = 100_000;

/** What this version of Holdfast understands of `requires`. */
const KNOWN_REQUIREMENTS: ReadonlySet<string> = new Set();

export const identitySchema = z.object({
  format: z.int().positive(),
  repository_id: z.uuid(),
  created_at: z.string(),
  requires: z.array(z.string()).default([]),
});
/** holdfast.json */
export type Identity = z.output<typeof identitySchema>;

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
/** A log record: who owns the repository, or that a snapshot was sealed. */
export type LogRecord = z.output<typeof recordSchema>;

export const partSchema = z.object({
  key: z.string().regex(/^lists\/[0-9a-f]{64}\.ndjson\.gz$/),
  kind: z.enum(["full", "changes"]),
  sequence,
  entries: count,
  bytes: count,
});
/** A part of a listing: its key is the SHA-256 of its compressed bytes. */
export type ListPart = z.output<typeof partSchema>;

/** What a restore reads of a bucket; what else its row said is kept as it is. */
const bucketSchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  public: z.boolean().nullish(),
  avif_autodetection: z.boolean().nullish(),
  file_size_limit: bigint.nullish(),
  // SQL may put a null among them, which allows nothing.
  allowed_mime_types: z.array(z.string().nullable())
    .transform((types) => types.filter((type) => type !== null)).nullish(),
  owner_id: z.string().nullish(),
  // A row may say infinity, which no bucket is given back.
  created_at: z.iso.datetime({ offset: true }).nullish().catch(null),
});

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
/** snapshots/<id>.json */
export type SnapshotDocument = z.output<typeof snapshotSchema>;

/**
 * A document read from the repository, checked.
 * @throws HoldfastError `repository_damaged` where it is not of its shape, or
 * `repository_format_unsupported` where it needs a newer Holdfast, by the name of what it needs.
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
 * Whether a document that is about to be written is one that can be read again.
 * @throws HoldfastError `snapshot_too_large`
 */
export function assertReadable(text: string, value: object): void {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= MAX_SNAPSHOT_BYTES && valuesIn(bytes) <= MAX_VALUES && !hasTooMuch(value)) {
    return;
  }
  throw new HoldfastError(
    "snapshot_too_large",
    `snapshot.json would have ${bytes.length} bytes, and lists that nobody would read.`,
  );
}

/** Values that JSON has at most: a comma or a bracket comes before each. */
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

/** Each alone: a newer format may have made something else of the other. */
const headSchema = z.object({
  format: z.number().catch(FORMAT_VERSION),
  requires: z.array(z.string()).catch([]),
});

/** Before the shape is judged: a newer format's shape is not known here. */
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

/** A document's exact bytes: two spaces, one line feed at the end, so that people can read it. */
export function formatDocument(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
