import assert from "node:assert/strict";
import {
  listQuery,
  parseKeys,
} from "../../../../../../supabase/functions/_holdfast/destinations/s3/list.ts";

Deno.test("a query is canonical: encoded, and sorted by name", () => {
  assert.equal(listQuery("team/holdfast/log/"), "list-type=2&prefix=team%2Fholdfast%2Flog%2F");
  assert.equal(
    listQuery("a b/", "a b/é+'"),
    "list-type=2&prefix=a%20b%2F&start-after=a%20b%2F%C3%A9%2B%27",
  );
});

const ANSWER = (keys: string[], truncated: string) =>
  `<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Name>backups</Name><Prefix>p/log/</Prefix><KeyCount>${keys.length}</KeyCount>
  <MaxKeys>1000</MaxKeys><IsTruncated>${truncated}</IsTruncated>
  ${keys.map((key) => `<Contents><Key>${key}</Key><Size>3</Size></Contents>`).join("\n  ")}
</ListBucketResult>`;

Deno.test("keys keep the server's order, and the result states whether there are more", () => {
  assert.deepEqual(parseKeys(ANSWER(["p/log/2", "p/log/1"], "true")), {
    keys: ["p/log/2", "p/log/1"],
    more: true,
  });
  assert.deepEqual(parseKeys(ANSWER([], "false")), { keys: [], more: false });
});

Deno.test("entities and character references in keys are decoded", () => {
  const { keys } = parseKeys(
    ANSWER(
      ["a&amp;b&lt;c&gt;d&quot;e&apos;f", "&#233;&#xE9;&#X1F600;", "&amp;lt;", "&nbsp;"],
      "false",
    ),
  );
  assert.deepEqual(keys, [`a&b<c>d"e'f`, "éé😀", "&lt;", "&nbsp;"]);
});
