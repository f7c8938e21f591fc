/** The operations that row level security allows users. */
import assert from "node:assert/strict";
import {
  assertRefused,
  type Bucket,
  bucketTest,
  call,
  callJson,
  type Refusal,
  sqlOf,
  tokenFor,
} from "./support.ts";

const DENIED: Partial<Refusal> = {
  statusCode: "403",
  error: "Unauthorized",
  message: "new row violates row-level security policy",
  code: "AccessDenied",
};
const ALICE = "a11ce000-0000-4000-8000-000000000001";
const BOB = "b0b00000-0000-4000-8000-000000000002";

/**
 * Registers a test with a bucket in which users may do as they like below a folder of their own.
 */
function folderTest(name: string, test: (bucket: Bucket) => Promise<void>): void {
  bucketTest(name, { needs: ["sql", "tokens"] }, async (bucket) => {
    const policy = `own folder ${bucket.id}`;
    await sqlOf().unsafe(`
      create policy "${policy}" on storage.objects for all to authenticated
      using (bucket_id = '${bucket.id}' and split_part(name, '/', 1)
        = current_setting('request.jwt.claims', true)::json ->> 'sub')`);
    try {
      await test(bucket);
    } finally {
      await sqlOf().unsafe(`drop policy "${policy}" on storage.objects`);
    }
  });
}

folderTest(
  "policies: a user writes, reads, lists and deletes what a policy allows",
  async (bucket) => {
    const key = tokenFor("authenticated", ALICE);
    const name = `${ALICE}/a`;
    await bucket.put(name, "mine", {}, key);
    assert.equal((await bucket.row(name))?.owner_id, ALICE);
    const read = await call("GET", bucket.path(name, "/authenticated"), { key });
    assert.equal(await read.text(), "mine");
    const listing = await callJson<unknown[]>("POST", `/object/list/${bucket.id}`, {
      json: { prefix: ALICE },
      key,
    });
    assert.equal(listing.length, 1);
    const move = { bucketId: bucket.id, sourceKey: name, destinationKey: `${ALICE}/b` };
    await callJson("POST", "/object/move", { json: move, key });
    await callJson("DELETE", bucket.path(`${ALICE}/b`), { key });
    assert.equal(await bucket.row(`${ALICE}/b`), undefined);
  },
);

folderTest(
  "policies: an operation without a policy is AccessDenied or not found",
  async (bucket) => {
    const name = `${ALICE}/a`;
    await bucket.put(name, "hers");
    for (const key of [tokenFor("authenticated", BOB), tokenFor("anon")]) {
      const write = { body: "x", key };
      await assertRefused(call("POST", bucket.path(`${ALICE}/b`), write), DENIED);
      await assertRefused(
        call("POST", bucket.path(name), { ...write, headers: { "x-upsert": "true" } }),
        DENIED,
      );
      await assertRefused(call("PUT", bucket.path(name), write), DENIED);
      await assertRefused(call("GET", bucket.path(name, "/authenticated"), { key }), {
        code: "NoSuchKey",
        error: "not_found",
      });
      await assertRefused(call("GET", bucket.path(name, "/info"), { key }), { code: "NoSuchKey" });
      await assertRefused(call("DELETE", bucket.path(name), { key }), {
        statusCode: "403",
        error: "Unauthorized",
        message: "Access denied",
        code: "AccessDenied",
      });
      const prefixes = { json: { prefixes: [name] }, key };
      assert.deepEqual(await callJson("DELETE", `/object/${bucket.id}`, prefixes), []);
      const listing = { json: { prefix: ALICE }, key };
      assert.deepEqual(await callJson("POST", `/object/list/${bucket.id}`, listing), []);
      for (const action of ["copy", "move"]) {
        const json = { bucketId: bucket.id, sourceKey: name, destinationKey: `${BOB}/a` };
        await assertRefused(call("POST", `/object/${action}`, { json, key }), {
          code: "NoSuchKey",
        });
      }
    }
    assert.equal(await bucket.text(name), "hers");
  },
);

bucketTest("policies: buckets are hidden from users, and only a service key empties one", {
  needs: ["tokens"],
}, async (bucket) => {
  const key = tokenFor("authenticated", ALICE);
  await assertRefused(call("GET", `/bucket/${bucket.id}`, { key }), { code: "NoSuchBucket" });
  const buckets = await callJson<{ id: string }[]>("GET", "/bucket", { key });
  assert.equal(buckets.some(({ id }) => id === bucket.id), false);
  const create = { json: { name: `${bucket.id}-2` }, key };
  await assertRefused(call("POST", "/bucket", create), DENIED);
  await assertRefused(call("POST", `/bucket/${bucket.id}/empty`, { json: {}, key }), {
    status: 403,
    statusCode: "403",
    message: "Access denied: Invalid role",
    code: "AccessDenied",
  });
});

bucketTest(
  "policies: an overwrite by another user changes the owner, one by the service key does not",
  {
    needs: ["sql", "tokens"],
  },
  async (bucket) => {
    await bucket.put("a", "x", {}, tokenFor("service_role", ALICE));
    await bucket.put("a", "y");
    assert.equal((await bucket.row("a"))?.owner_id, ALICE);
    await bucket.put("a", "z", {}, tokenFor("service_role", BOB));
    assert.equal((await bucket.row("a"))?.owner_id, BOB);
  },
);

bucketTest(
  "policies: an expired token is refused",
  { needs: ["stand-in"] },
  async (bucket) => {
    const { signToken } = await import("../../../stack/storage/mod.ts");
    const { project } = await import("./context.ts");
    const key = signToken({ role: "service_role" }, project.jwtSecret!, -10);
    await assertRefused(call("GET", bucket.path("a", "/authenticated"), { key }), {
      code: "AccessDenied",
      message: '"exp" claim timestamp check failed',
    });
  },
);
