import { escapePattern } from "../buckets.ts";
import { refusing } from "../database.ts";
import { answerJson, type Handler } from "../exchange.ts";
import { Fields } from "../fields.ts";
import { decodeCursor, type Listing, listPage } from "../listing.ts";
import { checkBucketName } from "../names.ts";

const LARGEST_PAGE = 1000;

/** Lists one level of a bucket. A missing bucket gives an empty list. */
export const level: Handler = async ({ database }, { caller, bucket, body, headers }) => {
  const fields = new Fields(await body.json(headers.get("content-type")));
  const given = fields.required("prefix", fields.string("prefix"));
  const limit = fields.integer("limit", 1) ?? 100;
  const offset = fields.integer("offset", 0) ?? 0;
  const sort = fields.object("sortBy");
  const columns = ["name", "updated_at", "created_at", "last_accessed_at"] as const;
  const column = sort?.required("column", sort.oneOf("column", columns)) ?? "name";
  const order = sort?.oneOf("order", ["asc", "desc"]) ?? "asc";
  checkBucketName(bucket);
  // Escape only where storage.search uses the text in a pattern.
  const literal = column === "name" ? (text: string) => text : escapePattern;
  const prefix = literal(given === "" || given.endsWith("/") ? given : `${given}/`);
  const search = literal(fields.string("search") ?? "");
  const levels = (prefix + search).split("/").length;
  const rows = await database.read(caller, (sql) =>
    refusing(sql`
      select * from storage.search(
        ${prefix}, ${bucket}, ${limit}, ${levels}, ${offset}, ${search}, ${column}, ${order}
      )`));
  return answerJson(rows);
};

/** Lists names below a prefix in pages. A cursor continues the listing. */
export const page: Handler = async ({ database }, { caller, bucket, body, headers }) => {
  const fields = new Fields(await body.json(headers.get("content-type")));
  const sort = fields.object("sortBy");
  const cursor = fields.string("cursor");
  const listing: Listing = {
    prefix: fields.string("prefix") ?? "",
    limit: Math.min(fields.integer("limit", 1) ?? LARGEST_PAGE, LARGEST_PAGE),
    folders: fields.boolean("with_delimiter") ?? false,
    column: sort?.oneOf("column", ["name", "created_at", "updated_at"]) ?? "name",
    order: sort?.oneOf("order", ["asc", "desc"]) ?? "asc",
    after: undefined,
    ...(cursor ? decodeCursor(cursor) : {}),
  };
  checkBucketName(bucket);
  return answerJson(await database.read(caller, (sql) => listPage(sql, bucket, listing)));
};
