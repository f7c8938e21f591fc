import assert from "node:assert/strict";
import { lockKey } from "../../../stack/storage/objects.ts";
import { bucketTest, call, randomBytes, sqlOf, until } from "./support.ts";

bucketTest(
  "racing: x-upsert false is not atomic: racing creations all succeed",
  async (bucket) => {
    // Large bodies, so that each upload is admitted before another is committed, at least after some attempts.
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
  },
);

bucketTest("racing: racing moves to one name: one wins, the others get 409", async (bucket) => {
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
});

bucketTest("racing: a write waits for the object's advisory lock, a single bigint", {
  needs: ["sql"],
}, async (bucket) => {
  const key = lockKey(bucket.id, "a");
  let writing: Promise<string> | undefined;
  await sqlOf().begin(async (sql) => {
    // Locks of two integers are in another key space, so nothing waits for this one.
    await sql`select pg_advisory_xact_lock(0, ${key & 0x7fffffff}::integer)`;
    await bucket.put("a", "not waiting");
    await sql`select pg_advisory_xact_lock(${key}::bigint)`;
    writing = bucket.put("a", "waited");
    await until(async () => {
      const [{ waiting }] = await sql`
        select count(*)::integer as waiting from pg_locks
        where locktype = 'advisory' and objsubid = 1 and not granted
          and objid = ${key} and database = (
            select oid from pg_database where datname = current_database())`;
      return waiting === 1;
    });
    assert.equal(await bucket.text("a"), "not waiting");
  });
  await writing;
  assert.equal(await bucket.text("a"), "waited");
});
