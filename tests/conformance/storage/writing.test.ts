import assert from "node:assert/strict";
import { project } from "./context.ts";
import {
  assertRefused,
  bucketTest,
  call,
  callJson,
  encodeMetadata,
  randomBytes,
  refusalOf,
  sqlOf,
} from "./support.ts";

bucketTest("writing: content-type and cache-control are stored verbatim", async (bucket) => {
  await bucket.put("a", "x", {
    "content-type": "Application/X-Odd; a=b;c",
    "cache-control": "private, max-age=1, x=y",
  });
  const info = await bucket.info("a");
  assert.equal(info.content_type, "Application/X-Odd; a=b;c");
  assert.equal(info.cache_control, "private, max-age=1, x=y");
  const response = await bucket.get("a");
  await response.body?.cancel();
  assert.equal(response.headers.get("content-type"), "Application/X-Odd; a=b;c");
  assert.equal(response.headers.get("cache-control"), "private, max-age=1, x=y");
});

bucketTest("writing: an upload without headers gets the defaults", async (bucket) => {
  await callJson("POST", bucket.path("a"), { body: randomBytes(3) });
  const info = await bucket.info("a");
  assert.equal(info.content_type, "application/octet-stream");
  assert.equal(info.cache_control, "no-cache");
  assert.deepEqual(info.metadata, {});
});

bucketTest(
  "writing: x-metadata is base64 of JSON; a malformed value becomes {}",
  async (bucket) => {
    const metadata = { text: "ünï", number: 1.5, nested: { list: [null, true] } };
    const cases: [string, unknown][] = [
      [encodeMetadata(metadata), metadata],
      ["%%%", {}],
      [btoa("{"), {}],
      [JSON.stringify({ plain: "JSON" }), {}],
      ["", {}],
    ];
    for (const [header, stored] of cases) {
      await bucket.put("a", "x", { "x-metadata": header });
      assert.deepEqual((await bucket.info("a")).metadata, stored, header);
    }
  },
);

bucketTest("writing: headers above about 16 KB are refused with 431", async (bucket) => {
  const metadata = encodeMetadata({ long: "x".repeat(14_000) });
  assert(metadata.length > 16 * 1024);
  const response = await call("POST", bucket.path("a"), {
    body: "x",
    headers: { "x-metadata": metadata },
  });
  await response.body?.cancel();
  // A gateway before Storage may respond with another status.
  if (project.standIn) assert.equal(response.status, 431);
  assert.equal(response.ok, false);
  await assertRefused(call("GET", bucket.path("a")), { code: "NoSuchKey" });
  const fitting = { long: "x".repeat(5000) };
  await bucket.put("a", "x", { "x-metadata": encodeMetadata(fitting) });
  assert.deepEqual((await bucket.info("a")).metadata, fitting);
});

bucketTest(
  "writing: an overwrite replaces all metadata of the object",
  async (bucket) => {
    await bucket.put("a", "x", {
      "content-type": "text/css",
      "cache-control": "max-age=9",
      "x-metadata": encodeMetadata({ a: 1 }),
    });
    await callJson("PUT", bucket.path("a"), { body: randomBytes(2) });
    const info = await bucket.info("a");
    assert.equal(info.content_type, "application/octet-stream");
    assert.equal(info.cache_control, "no-cache");
    assert.deepEqual(info.metadata, {});
    assert.equal(info.size, 2);
  },
);

bucketTest("writing: x-upsert false, or absent, refuses an existing name", async (bucket) => {
  await bucket.put("a", "first");
  const wanted: Record<string, string>[] = [{ "x-upsert": "false" }, {}, {
    "x-upsert": "TRUE",
  }];
  for (const headers of wanted) {
    await assertRefused(call("POST", bucket.path("a"), { body: "second", headers }), {
      statusCode: "409",
      error: "Duplicate",
      message: "The resource already exists",
      code: "KeyAlreadyExists",
    });
  }
  assert.equal(await bucket.text("a"), "first");
});

bucketTest("writing: PUT creates a missing object", async (bucket) => {
  await callJson("PUT", bucket.path("a"), { body: "x" });
  assert.equal(await bucket.text("a"), "x");
});

bucketTest("writing: a body of unknown length is accepted", async (bucket) => {
  const bytes = randomBytes(300_000);
  await callJson("POST", bucket.path("a"), { body: new Blob([bytes]).stream() });
  assert.deepEqual(await bucket.bytes("a"), bytes);
  assert.equal((await bucket.info("a")).size, bytes.length);
});

bucketTest("writing: the empty object and the placeholder of an empty folder", async (bucket) => {
  await bucket.put("empty", new Uint8Array(0));
  await bucket.put("folder/.emptyFolderPlaceholder", "");
  for (const name of ["empty", "folder/.emptyFolderPlaceholder"]) {
    const response = await bucket.get(name);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-length"), "0");
    assert.equal((await response.bytes()).length, 0);
    assert.equal((await bucket.info(name)).size, 0);
  }
  await assertRefused(
    call("POST", bucket.path("other/.emptyFolderPlaceholder"), { body: "x" }),
    { statusCode: "413", code: "EntityTooLarge" },
  );
});

bucketTest("writing: a move to an existing name is 409", async (bucket) => {
  await bucket.put("a", "a");
  await bucket.put("b", "b");
  const json = { bucketId: bucket.id, sourceKey: "a", destinationKey: "b" };
  await assertRefused(call("POST", "/object/move", { json }), {
    statusCode: "409",
    error: "Duplicate",
  });
  assert.equal(await bucket.text("a"), "a");
  assert.equal(await bucket.text("b"), "b");
});

bucketTest(
  "writing: triggers fire twice, for the permission check and for the write",
  { needs: ["sql"] },
  async (bucket) => {
    await withInsertTrigger(bucket.id, async (fired) => {
      await bucket.put("a");
      assert.equal(await fired(), 2);
    });
  },
);

bucketTest(
  "writing: a trigger that raises fails the upload",
  { needs: ["sql"] },
  async (bucket) => {
    await withInsertTrigger(bucket.id, async () => {
      const refusal = await refusalOf(call("POST", bucket.path("forbidden"), { body: "x" }));
      assert.equal(refusal.statusCode, "500");
      assert.equal(refusal.code, "DatabaseError");
      assert.equal(await bucket.row("forbidden"), undefined);
    });
  },
);

/** Creates a trigger that counts the inserts of one bucket and raises for the name `forbidden`. */
async function withInsertTrigger(
  bucketId: string,
  test: (fired: () => Promise<number>) => Promise<void>,
): Promise<void> {
  const sql = sqlOf();
  const name = `t_${bucketId.replaceAll("-", "_")}`;
  // A sequence, because its value is not rolled back.
  await sql.unsafe(`
    create sequence public.${name};
    grant usage on sequence public.${name} to public;
    create function public.${name}() returns trigger language plpgsql as $$
    begin
      perform nextval('public.${name}');
      if new.name = 'forbidden' then raise exception 'no'; end if;
      return new;
    end $$;
    create trigger ${name} before insert on storage.objects for each row
      when (new.bucket_id = '${bucketId}') execute function public.${name}();`);
  try {
    await test(async () => {
      const [row] = await sql`select last_value::integer as fired from public.${sql(name)}`;
      return row.fired;
    });
  } finally {
    await sql.unsafe(`drop function public.${name} cascade; drop sequence public.${name}`);
  }
}
