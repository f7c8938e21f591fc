import assert from "node:assert/strict";
import {
  assertRefused,
  call,
  callJson,
  encodeMetadata,
  randomBytes,
  refusalOf,
  sqlOf,
  storageTest,
  withBucket,
} from "./support.ts";

storageTest(
  "writing: content-type and cache-control are stored verbatim",
  [],
  () =>
    withBucket(async (bucket) => {
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
    }),
);

storageTest(
  "writing: an upload without headers gets the defaults",
  [],
  () =>
    withBucket(async (bucket) => {
      await callJson("POST", bucket.path("a"), { body: randomBytes(3) });
      const info = await bucket.info("a");
      assert.equal(info.content_type, "application/octet-stream");
      assert.equal(info.cache_control, "no-cache");
      assert.deepEqual(info.metadata, {});
    }),
);

storageTest(
  "writing: x-metadata is base64 of JSON; what is not becomes {}",
  [],
  () =>
    withBucket(async (bucket) => {
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
    }),
);

storageTest(
  "writing: above about 16 KB of headers the answer is 431",
  [],
  () =>
    withBucket(async (bucket) => {
      const metadata = encodeMetadata({ long: "x".repeat(14_000) });
      assert(metadata.length > 16 * 1024);
      const response = await call("POST", bucket.path("a"), {
        body: "x",
        headers: { "x-metadata": metadata },
      });
      await response.body?.cancel();
      assert.equal(response.status, 431);
      await assertRefused(call("GET", bucket.path("a")), { code: "NoSuchKey" });
      const fitting = { long: "x".repeat(8000) };
      await bucket.put("a", "x", { "x-metadata": encodeMetadata(fitting) });
      assert.deepEqual((await bucket.info("a")).metadata, fitting);
    }),
);

storageTest(
  "writing: an overwrite replaces everything that is said of the object",
  [],
  () =>
    withBucket(async (bucket) => {
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
    }),
);

storageTest(
  "writing: x-upsert false, or absent, refuses a name that is taken",
  [],
  () =>
    withBucket(async (bucket) => {
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
    }),
);

storageTest("writing: PUT creates what is not there", [], () =>
  withBucket(async (bucket) => {
    await callJson("PUT", bucket.path("a"), { body: "x" });
    assert.equal(await bucket.text("a"), "x");
  }));

storageTest(
  "writing: x-upsert false is not atomic: racing creations all succeed",
  [],
  () =>
    withBucket(async (bucket) => {
      // Big enough that each is admitted before another is committed; if not at once, then soon.
      for (let attempt = 0; attempt < 20; attempt++) {
        const answers = await Promise.all([1, 2, 3].map(async (number) => {
          const body = randomBytes(256 * 1024).fill(number, 0, 1);
          const response = await call("POST", bucket.path(`race-${attempt}`), {
            body,
            headers: { "x-upsert": "false" },
          });
          await response.body?.cancel();
          return response.status;
        }));
        if (answers.filter((status) => status === 200).length > 1) return;
      }
      assert.fail("no two of three racing creations succeeded in 20 races");
    }),
);

storageTest("writing: a body of unknown length is taken", [], () =>
  withBucket(async (bucket) => {
    const bytes = randomBytes(300_000);
    await callJson("POST", bucket.path("a"), { body: new Blob([bytes]).stream() });
    assert.deepEqual(await bucket.bytes("a"), bytes);
    assert.equal((await bucket.info("a")).size, bytes.length);
  }));

storageTest(
  "writing: a body that breaks off stores nothing",
  [],
  () =>
    withBucket(async (bucket) => {
      await bucket.put("a", "old");
      let sent = 0;
      const body = new ReadableStream({
        pull(controller) {
          if (sent++ < 4) controller.enqueue(randomBytes(65536));
          else controller.error(new Error("broken off"));
        },
      });
      await assert.rejects(call("PUT", bucket.path("a"), { body }));
      await assert.rejects(call("POST", bucket.path("b"), { body: brokenBody() }));
      assert.equal(await bucket.text("a"), "old");
      await assertRefused(call("GET", bucket.path("b")), { code: "NoSuchKey" });
    }),
);

function brokenBody(): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(randomBytes(1000));
      controller.error(new Error("broken off"));
    },
  });
}

storageTest(
  "writing: the empty object and the placeholder of an empty folder",
  [],
  () =>
    withBucket(async (bucket) => {
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
    }),
);

storageTest(
  "writing: racing moves to one name: one wins, the others get 409",
  [],
  () =>
    withBucket(async (bucket) => {
      for (let race = 0; race < 5; race++) {
        const sources = [0, 1, 2].map((number) => `${race}-${number}`);
        await Promise.all(sources.map((name) => bucket.put(name, name)));
        const codes = await Promise.all(sources.map(async (sourceKey) => {
          const json = { bucketId: bucket.id, sourceKey, destinationKey: `${race}` };
          const response = await call("POST", "/object/move", { json });
          const answer = await response.json();
          return response.ok ? "moved" : answer.statusCode;
        }));
        assert.deepEqual(codes.toSorted(), ["409", "409", "moved"]);
        const winner = sources[codes.indexOf("moved")];
        assert.equal(await bucket.text(`${race}`), winner);
        for (const loser of sources.filter((name) => name !== winner)) {
          assert.equal(await bucket.text(loser), loser);
        }
      }
    }),
);

storageTest(
  "writing: a move onto a name that is taken is 409",
  [],
  () =>
    withBucket(async (bucket) => {
      await bucket.put("a", "a");
      await bucket.put("b", "b");
      const json = { bucketId: bucket.id, sourceKey: "a", destinationKey: "b" };
      await assertRefused(call("POST", "/object/move", { json }), {
        statusCode: "409",
        error: "Duplicate",
      });
      assert.equal(await bucket.text("a"), "a");
      assert.equal(await bucket.text("b"), "b");
    }),
);

storageTest(
  "writing: triggers fire twice, on the trial and on the write",
  ["sql"],
  () =>
    withBucket(async (bucket) => {
      await withInsertTrigger(bucket.id, async (fired) => {
        await bucket.put("a");
        assert.equal(await fired(), 2);
      });
    }),
);

storageTest(
  "writing: a trigger that raises breaks the upload",
  ["sql"],
  () =>
    withBucket(async (bucket) => {
      await withInsertTrigger(bucket.id, async () => {
        const refusal = await refusalOf(call("POST", bucket.path("forbidden"), { body: "x" }));
        assert.equal(refusal.statusCode, "500");
        assert.equal(refusal.code, "DatabaseError");
        assert.equal(await bucket.row("forbidden"), undefined);
      });
    }),
);

/** Puts a trigger on one bucket's inserts that counts them and raises for the name `forbidden`. */
async function withInsertTrigger(
  bucketId: string,
  test: (fired: () => Promise<number>) => Promise<void>,
): Promise<void> {
  const sql = sqlOf();
  const name = `t_${bucketId.replaceAll("-", "_")}`;
  // A sequence, for what it counts is not rolled back.
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
