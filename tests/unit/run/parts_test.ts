import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { GROUPS } from "../../run/groups.ts";
import { describeMissing, REQUIRE_VARIABLE, requiredParts } from "../../run/parts.ts";

const RUN = fileURLToPath(new URL("../../run.ts", import.meta.url));

Deno.test("the required parts are read from a list", () => {
  assert.deepEqual(requiredParts(""), []);
  assert.deepEqual(requiredParts("pg_cron,radosgw"), ["pg_cron", "radosgw"]);
  assert.deepEqual(requiredParts(" radosgw , "), ["radosgw"]);
});

Deno.test("an unknown part is an error", () => {
  assert.throws(() => requiredParts("pgcron"), /names pgcron; there are pg_cron, radosgw, awscli/);
});

Deno.test("each part has groups that need it", () => {
  for (const part of ["pg_cron", "radosgw", "awscli"] as const) {
    assert.ok(GROUPS.some(({ needs }) => needs === part), part);
    assert.ok(describeMissing(part).startsWith(part));
  }
});

/** Runs a group on a machine without radosgw: PATH has no programs. */
async function runWithoutRadosgw(environment: Record<string, string>) {
  const { PATH: _, [REQUIRE_VARIABLE]: __, ...inherited } = Deno.env.toObject();
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", RUN, "conformance-radosgw"],
    clearEnv: true,
    env: { ...inherited, ...environment },
    stdin: "null",
  }).output();
  const [output, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, output: output!, errors: errors! };
}

Deno.test("a missing part is reported, and its tests are skipped", async () => {
  const { code, output } = await runWithoutRadosgw({});
  assert.equal(code, 0);
  assert.match(
    output,
    /Not run here:\n {2}conformance-radosgw: radosgw is not on this machine/,
  );
  assert.match(output, /\n0 passed, 0 failed\n$/);
});

Deno.test("a missing required part is a failure", async () => {
  const { code, output, errors } = await runWithoutRadosgw({ [REQUIRE_VARIABLE]: "radosgw" });
  assert.equal(code, 1);
  assert.match(errors, /^radosgw is not on this machine .*, and it is required$/m);
  assert.match(output, /\n0 passed, 1 failed\n$/);
});

Deno.test("an unknown required part ends the command before any test", async () => {
  const { code, errors } = await runWithoutRadosgw({ [REQUIRE_VARIABLE]: "rados" });
  assert.equal(code, 2);
  assert.match(errors, /HOLDFAST_TEST_REQUIRE names rados;/);
});
