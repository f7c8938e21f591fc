import assert from "node:assert/strict";
import fc from "fast-check";
import {
  encodePath,
  objectUrl,
} from "../../../../../supabase/functions/_holdfast/project/object_url.ts";
import { anyText } from "../../any_text.ts";

const BASE = "https://abc.supabase.co";

const urlOf = (bucket: string, name: string, base = BASE) =>
  objectUrl(base, "object/authenticated", bucket, name)?.href;

Deno.test("each segment is percent-encoded, and slashes are kept", () => {
  const name = "nested/a b+c?d&e;f,g:h@i=j$k%2e#l/_!.*'()-";
  assert.equal(
    urlOf("my bucket", name),
    `${BASE}/storage/v1/object/authenticated/my%20bucket/nested/` +
      "a%20b%2Bc%3Fd%26e%3Bf%2Cg%3Ah%40i%3Dj%24k%252e%23l/_!.*'()-",
  );
});

Deno.test("empty segments are part of the name", () => {
  for (const name of ["a//b", "/a", "a/", "//", "a///"]) {
    assert.equal(urlOf("b", name), `${BASE}/storage/v1/object/authenticated/b/${name}`);
  }
});

Deno.test("a project URL with a path keeps the path", () => {
  const base = "http://api.supabase.internal:8000/below";
  assert.equal(urlOf("b", "n", base), `${base}/storage/v1/object/authenticated/b/n`);
});

for (
  const name of [".", "..", "./a", "a/.", "a/..", "a/../b", "a/./b", "../../../admin", "a/../a"]
) {
  Deno.test(`no URL can name ${name}`, () => assert.equal(urlOf("b", name), undefined));
}

Deno.test("no URL can name an object in the buckets . and ..", () => {
  assert.equal(urlOf(".", "n"), undefined);
  assert.equal(urlOf("..", "n"), undefined);
});

Deno.test("names with dots that are not path segments have a URL", () => {
  for (const name of ["...", ".hidden", "a..b", "..a/b..", "%2e%2e/x", "..%2f"]) {
    assert.ok(urlOf("b", name), name);
  }
});

Deno.test("no URL can name a lone surrogate", () => {
  assert.equal(urlOf("b", "a\ud800"), undefined);
  assert.equal(urlOf("b\udfff", "a"), undefined);
  assert.ok(urlOf("b", "\u{1f600}"));
});

const path = fc.array(
  fc.oneof(anyText(), fc.constantFrom(".", "..", "%2e", "a", "")),
  { minLength: 1, maxLength: 6 },
).map((segments) => segments.join("/"));

Deno.test("each URL names exactly its object, or there is no URL", () => {
  fc.assert(
    fc.property(path, path, (bucket, name) => {
      const url = objectUrl(BASE, "object/authenticated", bucket, name);
      const dots = `${bucket}/${name}`.split("/").some((segment) =>
        segment === "." || segment === ".."
      );
      const whole = bucket.isWellFormed() && name.isWellFormed();
      assert.equal(url !== undefined, whole && !dots);
      if (!url) return;
      assert.equal(url.origin, BASE);
      assert.equal(url.search + url.hash, "");
      const prefix = "/storage/v1/object/authenticated/";
      assert.ok(url.pathname.startsWith(prefix));
      const read = url.pathname.slice(prefix.length).split("/").map(decodeURIComponent).join("/");
      assert.equal(read, `${bucket}/${name}`);
      assert.equal(encodePath(`${bucket}/${name}`), url.pathname.slice(prefix.length));
    }),
    { numRuns: 1_000 },
  );
});
