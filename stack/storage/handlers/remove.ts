import { refusal } from "../errors.ts";
import { answerJson, type Handler } from "../exchange.ts";
import { Fields } from "../fields.ts";
import { checkBucketName } from "../names.ts";
import { deleteObjects, findObject, shownObject } from "../objects.ts";

export const one: Handler = async ({ database, bytes }, { caller, bucket, name }) => {
  checkBucketName(bucket);
  await findObject(database.service, bucket, name);
  await database.as(caller, async (sql) => {
    const [row] = await deleteObjects(sql, bucket, [name]);
    if (!row) throw refusal.accessDenied("Access denied");
    // Before the commit, as in Storage. So a row can be visible after its bytes are deleted.
    await bytes.remove({ bucket, name, version: row.version });
  });
  return answerJson({ message: "Successfully deleted" });
};

export const many: Handler = async ({ database, bytes }, { caller, bucket, body, headers }) => {
  const fields = new Fields(await body.json(headers.get("content-type")));
  const names = fields.required("prefixes", fields.strings("prefixes"));
  if (names.length === 0) {
    throw refusal.invalidRequest("body/prefixes must NOT have fewer than 1 items");
  }
  checkBucketName(bucket);
  const deleted = await database.as(caller, async (sql) => {
    const rows = await deleteObjects(sql, bucket, names);
    for (const { name, version } of rows) await bytes.remove({ bucket, name, version });
    return rows;
  });
  return answerJson(deleted.map(shownObject));
};
