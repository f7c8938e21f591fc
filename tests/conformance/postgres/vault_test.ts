import assert from "node:assert/strict";
import { assertRefused, openSubject, rolledBack } from "./support.ts";

Deno.test("vault", async (t) => {
  await using subject = await openSubject();
  const { sql } = subject;

  await t.step("its functions are found by their signatures", async () => {
    const [row] = await sql`
      select to_regprocedure('vault.create_secret(text,text,text,uuid)') is not null as creates,
        to_regprocedure('vault.update_secret(uuid,text,text,text,uuid)') is not null as updates`;
    assert.deepEqual({ ...row }, { creates: true, updates: true });
  });

  await t.step("postgres writes, reads and changes secrets", () =>
    rolledBack(sql, async (tx) => {
      const [{ id }] = await tx`select vault.create_secret('pässword', 'a name') as id`;
      const read = () =>
        tx`select name, description, decrypted_secret, secret like '%ssword%' as plain
          from vault.decrypted_secrets where id = ${id}`;
      const first = { name: "a name", description: "", decrypted_secret: "pässword", plain: false };
      assert.deepEqual({ ...(await read())[0] }, first);
      await tx`select vault.update_secret(${id}, 'another', null, 'what it is for')`;
      const second = { ...first, decrypted_secret: "another", description: "what it is for" };
      assert.deepEqual({ ...(await read())[0] }, second);
      await tx`delete from vault.secrets where id = ${id}`;
    }));

  await t.step("a name is unique", () =>
    rolledBack(sql, async (tx) => {
      await tx`select vault.create_secret('a', 'a name')`;
      await assertRefused(tx, "select vault.create_secret('b', 'a name')", "23505");
      await tx`select vault.create_secret('a')`;
      await tx`select vault.create_secret('b')`;
    }));

  await t.step("anon and authenticated have no access", () =>
    rolledBack(sql, async (tx) => {
      for (const role of ["anon", "authenticated"]) {
        await tx`set local role ${tx(role)}`;
        await assertRefused(tx, "select from vault.decrypted_secrets", "42501");
        await assertRefused(tx, "select vault.create_secret('a')", "42501");
        await tx`reset role`;
      }
    }));
});
