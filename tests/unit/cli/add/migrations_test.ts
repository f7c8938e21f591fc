import assert from "node:assert/strict";
import fc from "fast-check";
import { AddError } from "../../../../cli/add/errors.ts";
import {
  type MigrationPlan,
  planMigrations,
  type PresentMigration,
} from "../../../../cli/add/migrations.ts";
import type { ShippedMigration } from "../../../../cli/add/shipped.ts";

const NOW = new Date("2026-11-21T12:00:00Z");

const shipped = (...names: string[]): ShippedMigration[] =>
  names.map((name) => ({ name, bytes: new TextEncoder().encode(name), sha256: `sha of ${name}` }));

const present = (version: string, name: string, sha256 = `sha of ${name}`): PresentMigration => ({
  version,
  name,
  file: `${version}_${name}.sql`,
  sha256,
});

const files = (plan: MigrationPlan) => plan.add.map((one) => one.file);

const refusal = (code: string, message = /./) => (error: unknown) =>
  error instanceof AddError && error.code === code && message.test(error.message);

Deno.test("all migrations are copied to an empty folder in order and recorded", () => {
  const plan = planMigrations(shipped("holdfast_b", "holdfast_a"), {}, [], NOW);
  assert.deepEqual(files(plan), ["20261121115960_holdfast_b.sql", "20261121115961_holdfast_a.sql"]);
  assert.deepEqual(plan.recorded, {
    holdfast_b: { time: "20261121115960", sha256: "sha of holdfast_b" },
    holdfast_a: { time: "20261121115961", sha256: "sha of holdfast_a" },
  });
  assert.deepEqual(plan.notes, []);
});

Deno.test("an upgrade adds only new migrations, after the newest existing one", () => {
  const first = planMigrations(shipped("holdfast_a"), {}, [], NOW);
  const there = [present("20261121115960", "holdfast_a"), present("20270101000000", "theirs")];
  const plan = planMigrations(shipped("holdfast_a", "holdfast_b"), first.recorded, there, NOW);
  assert.deepEqual(files(plan), ["20270101000060_holdfast_b.sql"]);
  assert.equal(plan.recorded.holdfast_a?.time, "20261121115960");
  assert.match(plan.notes.join(), /20270101000000_theirs.sql has a time in the future/);
});

Deno.test("without a lock file, copied migrations are recognised by name and content", () => {
  const there = [present("20261121110000", "holdfast_a")];
  const plan = planMigrations(shipped("holdfast_a", "holdfast_b"), {}, there, NOW);
  assert.deepEqual(files(plan), ["20261121115960_holdfast_b.sql"]);
  assert.equal(plan.recorded.holdfast_a?.time, "20261121110000");
  assert.throws(
    () => planMigrations(shipped("holdfast_a"), {}, [present("1", "holdfast_a", "other")], NOW),
    refusal("migration_name_taken", /1_holdfast_a\.sql/),
  );
});

Deno.test("a renamed migration is recognised, and an edited one is kept", () => {
  const recorded = { holdfast_a: { time: "20260101000000", sha256: "sha of holdfast_a" } };
  const there = [present("20260202000000", "holdfast_a", "edited")];
  const plan = planMigrations(shipped("holdfast_a"), recorded, there, NOW);
  assert.deepEqual(files(plan), []);
  assert.equal(plan.recorded.holdfast_a?.time, "20260202000000");
  assert.match(plan.notes.join(), /20260202000000_holdfast_a.sql was edited/);
});

Deno.test("a recorded migration that was removed, as after a squash, is not copied again", () => {
  const recorded = { holdfast_a: { time: "20260101000000", sha256: "sha of holdfast_a" } };
  const plan = planMigrations(shipped("holdfast_a"), recorded, [present("2", "squashed")], NOW);
  assert.deepEqual(files(plan), []);
  assert.deepEqual(plan.recorded, recorded);
  assert.match(plan.notes.join(), /20260101000000_holdfast_a.sql is recorded .* not there/);
});

Deno.test("a shipped migration that differs from the recorded one is refused", () => {
  const recorded = { holdfast_a: { time: "20260101000000", sha256: "another" } };
  const there = [present("20260101000000", "holdfast_a")];
  assert.throws(
    () => planMigrations(shipped("holdfast_a"), recorded, there, NOW),
    refusal("migration_changed", /20260101000000_holdfast_a\.sql.*sha256/),
  );
});

Deno.test("a checkout that lacks a recorded migration is too old", () => {
  const recorded = { holdfast_new: { time: "20260101000000", sha256: "x" } };
  assert.throws(
    () => planMigrations(shipped("holdfast_a"), recorded, [], NOW),
    refusal("older_than_installed", /holdfast_new/),
  );
});

Deno.test("of two migrations with one name the recorded one counts; without a record both are named", () => {
  const there = [present("20260101000000", "holdfast_a"), present("20260102000000", "holdfast_a")];
  const recorded = { holdfast_a: { time: "20260102000000", sha256: "sha of holdfast_a" } };
  const plan = planMigrations(shipped("holdfast_a"), recorded, there, NOW);
  assert.equal(plan.recorded.holdfast_a?.time, "20260102000000");
  assert.throws(
    () => planMigrations(shipped("holdfast_a"), {}, there, NOW),
    refusal("migration_twice", /20260101000000_holdfast_a.sql, 20260102000000_holdfast_a.sql/),
  );
});

Deno.test("each migration is copied once, in every order of versions and the user's own migrations", () => {
  const steps = fc.array(
    fc.record({
      grown: fc.integer({ min: 0, max: 3 }),
      theirs: fc.array(fc.integer({ min: 0, max: 5e9 }), { maxLength: 3 }),
      lockLost: fc.boolean(),
    }),
    { minLength: 1, maxLength: 6 },
  );
  fc.assert(fc.property(steps, (steps) => {
    const folder = new Map<string, PresentMigration>();
    const put = (one: PresentMigration) => folder.set(one.version, one);
    const names: string[] = [];
    let recorded: MigrationPlan["recorded"] = {};
    steps.forEach((step, index) => {
      const now = new Date(NOW.getTime() + index * 1000);
      for (const seconds of step.theirs) {
        const at = new Date(NOW.getTime() + seconds * 10).toISOString();
        const version = at.replace(/\D/g, "").slice(0, 14);
        if (!folder.has(version)) put(present(version, `theirs_${folder.size}`));
      }
      for (let grown = 0; grown < step.grown; grown++) names.push(`holdfast_${names.length}`);
      const before = folder.size;
      const plan = planMigrations(
        shipped(...names),
        step.lockLost ? {} : recorded,
        [...folder.values()],
        now,
      );
      recorded = plan.recorded;
      for (const file of files(plan)) put(present(file.slice(0, 14), file.slice(15, -4)));
      assert.equal(folder.size, before + plan.add.length, "no file is overwritten");
    });
    const landed = [...folder.values()].filter((one) => one.name.startsWith("holdfast_"))
      .sort((one, other) => one.version < other.version ? -1 : 1);
    assert.deepEqual(landed.map((one) => one.name), names);
    assert.deepEqual(
      Object.values(recorded).map((one) => one.time),
      landed.map((one) => one.version),
    );
  }));
});
