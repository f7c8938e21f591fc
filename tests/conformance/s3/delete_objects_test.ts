import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { s3Test } from "./context.ts";

const document = (keys: readonly string[], quiet = false) => {
  const objects = keys.map((key) => `<Object><Key>${key}</Key></Object>`).join("");
  return `<Delete>${objects}${quiet ? "<Quiet>true</Quiet>" : ""}</Delete>`;
};

const md5 = (text: string) => ({
  "content-md5": createHash("md5").update(text).digest("base64"),
});

s3Test("one request deletes many objects, missing ones included", async (s3) => {
  const keys = [await s3.put("a", "1"), await s3.put("b &amp; c".replace("&amp;", "and"), "2")];
  const kept = await s3.put("kept", "3");
  const body = document([...keys, s3.key("nothing")]);
  const url = s3.url("", { delete: "" });
  const answer = await s3.request(url, { method: "POST", body, headers: md5(body) });
  assert.equal(answer.status, 200);
  assert.equal(answer.text.match(/<Deleted>/g)?.length, 3);
  assert.equal(answer.text.match(/<Error>/g), null);
  for (const key of keys) assert.equal(await s3.read(key), undefined);
  assert.ok(await s3.read(kept));
});

s3Test("a quiet deletion lists only failures", async (s3) => {
  const key = await s3.put("a", "1");
  const body = document([key], true);
  const url = s3.url("", { delete: "" });
  const answer = await s3.request(url, { method: "POST", body, headers: md5(body) });
  assert.deepEqual([answer.status, answer.text.includes(key)], [200, false]);
  assert.equal(await s3.read(key), undefined);
});

s3Test("a deletion whose list is corrupted", async (s3) => {
  const key = await s3.put("a", "1");
  const body = document([key]);
  const url = s3.url("", { delete: "" });
  const answer = await s3.request(url, { method: "POST", body, headers: md5(`${body} `) });
  assert.equal(answer.status, s3.behaviour.verifiesDeletion ? 400 : 200);
  assert.equal(await s3.read(key) !== undefined, s3.behaviour.verifiesDeletion);
});
