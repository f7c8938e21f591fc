import assert from "node:assert/strict";
import fc from "fast-check";
import { assertRefused, type Bucket, bucketTest, call, callJson, encodeName } from "./support.ts";

const LEGAL = "ABCXYZabcxyz0189_/!.*'() &$=@;:+,?-";
const RUNS = Number(Deno.env.get("HOLDFAST_TEST_RUNS") ?? 60);
const SEED = Number(Deno.env.get("HOLDFAST_TEST_SEED") ?? Math.floor(Math.random() * 2 ** 31));

/** A name that survives URL parsing: no segment is `.` or `..`, which fetch takes out. */
const legalName = fc.string({
  unit: fc.constantFrom(...LEGAL),
  minLength: 1,
  maxLength: 60,
}).filter((name) => !name.split("/").some((segment) => segment === "." || segment === ".."));

async function assertRoundTrip(bucket: Bucket, name: string): Promise<void> {
  const text = `the bytes of ${name}`;
  const id = await bucket.put(name, text);
  assert.equal(await bucket.text(name), text, name);
  const info = await bucket.info(name);
  assert.equal(info.name, name);
  assert.equal(info.id, id);
  const json = { prefixes: [name] };
  const [deleted] = await callJson<{ name: string }[]>("DELETE", `/object/${bucket.id}`, { json });
  assert.equal(deleted.name, name);
}

bucketTest(`names: every legal name round-trips (seed ${SEED})`, async (bucket) => {
  const property = fc.asyncProperty(legalName, (name) => assertRoundTrip(bucket, name));
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
});

const ODD_NAMES = [
  ...["a b", " lead", "trail ", "a+b", "a?b", "a&b", "a;b", "a,b", "a:b", "a@b", "a=b", "a'b"],
  ...["a*b", "a!b", "(a)", "$a", "a//b", "a///b", "/lead", "trail/", "//", ".hidden", "d/.hidden"],
  ...["...", "a./b", "..a/b", "?", "&=?", "a.emptyFolderPlaceholderNot", "copy", "list/x"],
];

bucketTest(
  "names: unusual names round-trip if each segment is percent-encoded",
  async (bucket) => {
    for (const name of ODD_NAMES) await assertRoundTrip(bucket, name);
  },
);

bucketTest(
  "names: names that differ in a slash or in letter case are different objects",
  async (bucket) => {
    const names = ["a/b", "a//b", "/a/b", "A/b", "a/B", "a/b "];
    for (const name of names) await bucket.put(name, name);
    for (const name of names) assert.equal(await bucket.text(name), name);
  },
);

const ILLEGAL = [
  "ä",
  "日本",
  "a#b",
  "a%b",
  "a\\b",
  'a"b',
  "a<b",
  "a>b",
  "a[b]",
  "a{b}",
  "a|b",
  "a^b",
];

bucketTest("names: illegal names are refused with InvalidKey", async (bucket) => {
  await bucket.put("legal");
  for (const name of [...ILLEGAL, "a`b", "a~b", "a\tb", "a\nb", "é", "\u{1F600}"]) {
    const expected = {
      statusCode: "400",
      error: "InvalidKey",
      message: `Invalid key: ${name}`,
      code: "InvalidKey",
    };
    await assertRefused(call("POST", bucket.path(name), { body: "x" }), expected);
    await assertRefused(bucket.get(name), expected);
    for (const action of ["copy", "move"]) {
      const json = { bucketId: bucket.id, sourceKey: "legal", destinationKey: name };
      await assertRefused(call("POST", `/object/${action}`, { json }), expected);
    }
  }
  await assertRefused(call("POST", `/object/${bucket.id}/`, { body: "x" }), {
    code: "InvalidKey",
  });
});

bucketTest("names: fetch silently removes `.` and `..`, encoded or not", async (bucket) => {
  for (const [sent, stored] of [["x/../a", "a"], ["./b", "b"], ["x/%2e%2E/c", "c"]]) {
    await callJson("POST", `/object/${bucket.id}/${sent}`, { body: stored });
    assert.equal(await bucket.text(stored), stored);
  }
  const { pathname } = new URL(`http://host/${encodeName("a/../b")}`);
  assert.equal(pathname, "/b");
});

/** Segments have less than 255 bytes, the limit of a file backend. */
const LONG_NAME = Array.from({ length: 9 }, () => "n".repeat(99)).join("/");

bucketTest("names: a name of 900 bytes is accepted", async (bucket) => {
  assert.equal(LONG_NAME.length, 899);
  await assertRoundTrip(bucket, LONG_NAME);
});

bucketTest(
  "names: a name that is too long for S3 is refused",
  { needs: ["stand-in"] },
  async (bucket) => {
    await assertRefused(
      call("POST", bucket.path(`${LONG_NAME}/${"n".repeat(140)}`), { body: "x" }),
      {
        statusCode: "400",
        message: "KeyTooLongError",
        code: "S3Error",
      },
    );
  },
);

bucketTest("names: rows inserted by SQL may have any name, and no request reads them", {
  needs: ["sql"],
}, async (bucket) => {
  for (const name of [...ILLEGAL, "x".repeat(2000)]) {
    await bucket.insertRow(name);
    assert(await bucket.row(name));
    const response = await bucket.get(name);
    await response.body?.cancel();
    assert.equal(response.ok, false);
  }
  // They can be deleted by name.
  const json = { prefixes: ILLEGAL };
  const deleted = await callJson<unknown[]>("DELETE", `/object/${bucket.id}`, { json });
  assert.equal(deleted.length, ILLEGAL.length);
});
