import assert from "node:assert/strict";
import type { RepositoryStore } from "../../../../../../supabase/functions/_holdfast/destinations/store.ts";
import { open, refused, xml } from "./s3_fixture.ts";

const listing = (keys: string[], truncated: boolean) =>
  new Response(
    `<ListBucketResult><IsTruncated>${truncated}</IsTruncated>${
      keys.map((key) => `<Contents><Key>${key}</Key></Contents>`).join("")
    }</ListBucketResult>`,
  );

Deno.test("keys are listed below the prefix and returned without it", async () => {
  const keys = ["team/holdfast/log/2.json", "other/log/3.json"];
  const { store, sent } = open({}, listing(keys, true));
  assert.deepEqual(await store.list("log/", "log/1.json"), { keys: ["log/2.json"], more: true });
  assert.equal(
    sent[0]?.url.href,
    "https://s3.example.com/backups?list-type=2&prefix=team%2Fholdfast%2Flog%2F" +
      "&start-after=team%2Fholdfast%2Flog%2F1.json",
  );
});

Deno.test("a malformed listing is an error, not an empty listing", async () => {
  const page = new Response("<html>hello</html>");
  const half = new Response("<ListBucketResult><Contents><Key>a</Key></Contents>");
  for (const answer of [new Response(null), page, half]) {
    const { store } = open({}, answer);
    await refused(() => store.list("log/"), "repository_unreachable");
  }
});

Deno.test("a truncated listing without a later key below the prefix is malformed", async () => {
  const lies: [after: string | undefined, keys: string[]][] = [
    [undefined, []],
    [undefined, ["other/a"]],
    ["log/2.json", ["team/holdfast/log/1.json", "team/holdfast/log/2.json"]],
  ];
  for (const [after, keys] of lies) {
    const { store } = open({}, listing(keys, true));
    await refused(() => store.list("log/", after), "repository_unreachable", /no listing/);
  }
});

Deno.test("with the bucket in the host name the root is listed, and a missing bucket is reported", async () => {
  const { store, sent } = open({ forcePathStyle: false }, xml(404, "NoSuchBucket"));
  await refused(() => store.list("log/"), "repository_bucket_missing", /^list: /);
  assert.match(sent[0]?.url.href ?? "", /^https:\/\/backups\.s3\.example\.com\/\?list-type=2&/);
});

/** An endless body without a length. */
function endless(onRead: () => void): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      onRead();
      controller.enqueue(new Uint8Array(64 * 1024));
    },
  });
}

Deno.test("an endless response is cancelled at its size limit", async () => {
  for (
    const [what, answer, ask, code] of [
      ["bytes", 200, (store) => store.get("a", 1_000_000), "repository_damaged"],
      ["a listing", 200, (store) => store.list("log/"), "repository_damaged"],
      ["a refusal", 403, (store) => store.head("a"), "repository_access_denied"],
    ] as [string, number, (store: RepositoryStore) => Promise<unknown>, string][]
  ) {
    let reads = 0;
    const { store } = open({}, () => new Response(endless(() => reads++), { status: answer }));
    await refused(() => ask(store), code);
    assert.ok(reads < 200, `${what}: ${reads} reads`);
  }
});

Deno.test("bytes are counted after fetch decompresses them", async () => {
  const packed = new Response(endless(() => {}), {
    headers: { "content-encoding": "gzip", "content-length": "1000" },
  });
  await refused(() => open({}, () => packed).store.get("a", 100_000), "repository_damaged");
});
