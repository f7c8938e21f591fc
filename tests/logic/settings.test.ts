import assert from "node:assert/strict";
import { type Answer, TestProject } from "../support/project.ts";

const STARTS = [["backup/runs", "operate"], ["backup/imports", "operate"], [
  "restore/runs",
  "restore",
]] as const;

/** Responses of every start, which must be the same. */
async function answersOf(project: TestProject): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const [path, scope] of STARTS) {
    answers.push(await project.call("POST", `holdfast-${path}`, { key: await project.key(scope) }));
  }
  const [row] = await project.sql`select count(*)::int as runs from holdfast_private.runs`;
  assert.equal(row!.runs, 0, "something was started");
  return answers;
}

function assertInvalid(answer: Answer, faults: Record<string, RegExp>): void {
  const { status, body } = answer;
  assert.deepEqual([status, body.code], [503, "settings_invalid"], JSON.stringify(body));
  assert.equal(body.title, "Holdfast's settings are not valid");
  assert.match(body.remedy, /supabase secrets set.*holdfast\.set/s);
  const errors = body.errors as { path: string; message: string }[];
  assert.deepEqual(errors.map(({ path }) => path).sort(), Object.keys(faults).sort());
  for (const { path, message } of errors) {
    assert.match(message, faults[path]!);
    assert.ok(body.detail.includes(`${path} ${message}`), "the detail also names each one");
  }
}

Deno.test("each missing secret is named", async () => {
  await using project = await TestProject.create({ secrets: {} });
  for (const answer of await answersOf(project)) {
    assertInvalid(answer, {
      HOLDFAST_S3_ENDPOINT: /is not set/,
      HOLDFAST_S3_BUCKET: /is not set/,
      HOLDFAST_S3_ACCESS_KEY_ID: /is not set/,
      HOLDFAST_S3_SECRET_ACCESS_KEY: /is not set/,
    });
  }
});

Deno.test("each invalid secret is named, and no value is repeated", async () => {
  const secrets = {
    HOLDFAST_S3_ENDPOINT: "s3.example.org",
    HOLDFAST_S3_REGION: "  ",
    HOLDFAST_S3_BUCKET: "not/a bucket",
    HOLDFAST_S3_PREFIX: "/prefix/",
    HOLDFAST_S3_ACCESS_KEY_ID: "",
    HOLDFAST_S3_SECRET_ACCESS_KEY: "good-secret-value",
    HOLDFAST_S3_FORCE_PATH_STYLE: "yes",
  };
  await using project = await TestProject.create({ secrets });
  for (const answer of await answersOf(project)) {
    assertInvalid(answer, {
      HOLDFAST_S3_ENDPOINT: /must be an http or https URL/,
      HOLDFAST_S3_BUCKET: /is not a bucket name/,
      HOLDFAST_S3_PREFIX: /may have letters/,
      HOLDFAST_S3_ACCESS_KEY_ID: /is not set|is empty/,
      HOLDFAST_S3_FORCE_PATH_STYLE: /must be true or false/,
    });
    for (const value of ["s3.example.org", "not/a bucket", "good-secret-value", "prefix/"]) {
      assert.ok(!JSON.stringify(answer.body).includes(value), value);
    }
  }
});

Deno.test("prefixes that resolve outside the repository are refused", async () => {
  await using project = await TestProject.create();
  const key = await project.key("operate");
  for (const prefix of ["..", "a/../b", "./a", "a/", "/a", "a//b", "a b", "a\\b", "a?b"]) {
    await project.client.setSecrets({ HOLDFAST_S3_PREFIX: prefix });
    const { status, body } = await project.call("POST", "holdfast-backup/runs", { key });
    assert.deepEqual([status, body.code], [503, "settings_invalid"], prefix);
    assert.ok(body.errors.every(({ path }: { path: string }) => path === "HOLDFAST_S3_PREFIX"));
  }
  assert.deepEqual(await project.bucket.keys(), []);
});

Deno.test("each invalid setting of the database is named", async () => {
  await using project = await TestProject.create();
  await project.sql`
    select holdfast.set('buckets', '"avatars"'), holdfast.set('include', '[]'),
      holdfast.set('exclude', '[1]'), holdfast.set('max_object_bytes', '-1'),
      holdfast.set('workers', '0'), holdfast.set('maximum_age_hours', '"daily"')`;
  const key = await project.key("operate");
  const { status, body } = await project.call("POST", "holdfast-backup/runs", { key });
  assert.deepEqual([status, body.code], [503, "settings_invalid"]);
  const named = (body.errors as { path: string }[]).map(({ path }) => path).sort();
  assert.deepEqual(named, [
    "holdfast.settings buckets",
    "holdfast.settings exclude.0",
    "holdfast.settings include",
    "holdfast.settings max_object_bytes",
    "holdfast.settings maximum_age_hours",
    "holdfast.settings workers",
  ]);
  const [row] = await project.sql`select count(*)::int as runs from holdfast_private.runs`;
  assert.equal(row!.runs, 0);
  await project.sql`
    select holdfast.set('buckets', 'null'), holdfast.set('include', '["**"]'),
      holdfast.set('exclude', '[]'), holdfast.set('max_object_bytes', 'null'),
      holdfast.set('workers', '2'), holdfast.set('maximum_age_hours', 'null')`;
  await project.backup();
});

Deno.test("an unknown setting is refused by its name, and the known ones are listed", async () => {
  await using project = await TestProject.create();
  await assert.rejects(
    project.sql`select holdfast.set('bucket', '["a"]')`,
    (error: Error & { detail: string; hint: string }) => {
      assert.equal(error.message, "setting_unknown");
      assert.match(error.detail, /no setting named 'bucket'/);
      assert.match(error.hint, /buckets.*exclude.*include/);
      return true;
    },
  );
});
