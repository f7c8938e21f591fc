import assert from "node:assert/strict";
import { s3Test } from "./context.ts";

const DIGITS = "0123456789";

s3Test("a range gives the bytes it names and says which", async (s3) => {
  const url = s3.url(await s3.put("object", DIGITS));
  const cases: [range: string, text: string, contentRange: string][] = [
    ["bytes=0-0", "0", "bytes 0-0/10"],
    ["bytes=2-5", "2345", "bytes 2-5/10"],
    ["bytes=7-", "789", "bytes 7-9/10"],
    ["bytes=-3", "789", "bytes 7-9/10"],
    ["bytes=5-100", "56789", "bytes 5-9/10"],
    ["bytes=-100", DIGITS, "bytes 0-9/10"],
  ];
  for (const [range, text, contentRange] of cases) {
    const answer = await s3.request(url, { headers: { range } });
    assert.deepEqual([answer.status, answer.text], [206, text], range);
    assert.equal(answer.headers.get("content-range"), contentRange);
    assert.equal(answer.headers.get("content-length"), String(text.length));
  }
});

s3Test("a range behind the end is refused", async (s3) => {
  const url = s3.url(await s3.put("object", DIGITS));
  const empty = s3.url(await s3.put("empty"));
  for (const [target, range] of [[url, "bytes=10-"], [url, "bytes=50-60"], [empty, "bytes=0-"]]) {
    const answer = await s3.request(target as URL, { headers: { range: range as string } });
    assert.deepEqual([answer.status, answer.code], [416, "InvalidRange"], range as string);
  }
});

s3Test("a range that makes no sense is the whole object", async (s3) => {
  const url = s3.url(await s3.put("object", DIGITS));
  const unknown = await s3.request(url, { headers: { range: "lines=1-2" } });
  assert.deepEqual([unknown.status, unknown.text], [200, DIGITS]);
  const reversed = await s3.request(url, { headers: { range: "bytes=5-2" } });
  assert.equal(reversed.status, s3.behaviour.reversedRangeStatus);
});

s3Test("a range can be conditional on an ETag", async (s3) => {
  const url = s3.url(await s3.put("object", DIGITS));
  const etag = (await s3.request(url, { method: "HEAD" })).headers.get("etag") ?? "";
  const range = "bytes=2-5";
  const right = await s3.request(url, { headers: { range, "if-match": etag } });
  assert.deepEqual([right.status, right.text], [206, "2345"]);
  assert.equal(right.headers.get("etag"), etag);
  const wrong = await s3.request(url, { headers: { range, "if-match": '"0"' } });
  assert.equal(wrong.status, 412);
});
