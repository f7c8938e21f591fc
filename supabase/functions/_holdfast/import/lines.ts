/** Lines of listings as the catalog takes them. Nothing that is read from a bucket is trusted. */
import { z } from "zod";
import { HoldfastError } from "../errors.ts";

const text = z.string().max(4_096);

/** A key that stays below the prefix and among the data. */
const dataKeySchema = z.string().max(1_024).regex(/^data\/./).refine(
  (key) => key.split("/").every((segment) => segment !== "." && segment !== ".." && segment !== ""),
);

const putSchema = z.object({
  op: z.literal("put"),
  bucket: text.min(1),
  name: text,
  id: z.uuid().nullish(),
  version: text,
  key: dataKeySchema.optional(),
  size: z.int().nonnegative().optional(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/).optional(),
  part_size: z.int().positive().optional(),
  assumed: z.boolean().optional(),
  wanted_version: text.optional(),
  code: z.string().max(100).optional(),
  type: z.string().nullish(),
  cache_control: z.string().nullish(),
  user_metadata: z.unknown(),
  owner_id: z.string().nullish(),
  created_at: z.string().nullish(),
  updated_at: z.string().nullish(),
  etag: z.string().nullish(),
});

const lineSchema = z.discriminatedUnion("op", [
  putSchema,
  z.object({ op: z.literal("remove"), bucket: text.min(1), name: text }),
]);

/** A line as import_page takes it. */
export interface CatalogLine {
  readonly op: "put" | "remove";
  readonly bucket_id: string;
  readonly name: string;
  readonly [field: string]: unknown;
}

/**
 * A line of a listing, checked.
 * @throws HoldfastError `repository_damaged` that names the part and the line.
 */
export function parseLine(part: string, number: number, line: string): CatalogLine {
  const parsed = lineSchema.safeParse(jsonOf(line));
  if (!parsed.success) {
    const fault = parsed.error.issues[0];
    throw new HoldfastError(
      "repository_damaged",
      `${part}, line ${number}: ${fault?.path.join(".") || "line"} ${fault?.message ?? ""}`,
    );
  }
  const value = parsed.data;
  if (value.op === "remove") return { op: "remove", bucket_id: value.bucket, name: value.name };
  return putLine(value);
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
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
