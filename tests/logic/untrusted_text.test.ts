/**
 * Text of servers and names reaches rows, logs and responses as plain text that Postgres accepts.
 */
import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { type Answer, TestProject } from "../support/project.ts";

/** A NUL and a lone surrogate, which Postgres text refuses, and terminal escape sequences. */
const CONTROL_CHARACTERS =
  'no\0 \ud83d\r\n{"level":"error","code":"forged"}\u001b[2J\u009b31m\u2028\u202e!';
const NOT_PLAIN = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;

async function createProject(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["a", "b"]) await upload(project, "files", name);
  return project;
}

/** The message of a run's only failure, from its row and from the API. */
async function failureOf(
  project: TestProject,
  run: string,
  path: string,
  scope: "read" | "restore",
) {
  const [row] = await project.sql<{ message: string }[]>`
    select message from holdfast_private.failures where run = ${run}`;
  const answer: Answer = await project.call("GET", `${path}/runs/${run}`, {
    key: await project.key(scope),
  });
  assert.equal(answer.body.failures[0].message, row!.message);
  assert.doesNotMatch(row!.message, NOT_PLAIN);
  for (const { text } of await project.client.functionLogs()) assert.doesNotMatch(text, NOT_PLAIN);
  return row!.message;
}

Deno.test("Storage's text about an object does not end a backup", async () => {
  await using project = await createProject();
  await project.addStorageFault({
    pathContains: "files/b",
    count: 100,
    fault: { status: 400, message: CONTROL_CHARACTERS },
  });
  const { run, document } = await project.backupSnapshot();
  assert.deepEqual([document.state, run.counters.objects_copied], ["partial", 1]);
  assert.match(await failureOf(project, run.id, "holdfast-api", "read"), /no.*forged.*!/);
});

Deno.test("Storage's text about an object does not end a restore", async () => {
  await using source = await createProject();
  await source.backup();
  await using target = await TestProject.create({ repository: source.repository });
  await target.addStorageFault({
    route: "POST object",
    pathContains: "files/b",
    count: 100,
    fault: { status: 413, message: CONTROL_CHARACTERS },
  });
  const { id, result } = await target.restore();
  assert.deepEqual([result.did.objects_restored, result.did.objects_failed], [1, 1]);
  assert.match(await failureOf(target, id, "holdfast-restore", "restore"), /no.*forged.*!/);
});

Deno.test("S3's text about a refusal is reported as plain text", async () => {
  await using project = await createProject();
  await project.client.stack.call("addS3Fault", {
    rule: {
      bucket: project.repository.bucket,
      keyContains: "holdfast.json",
      count: 100,
      fault: {
        kind: "error",
        status: 403,
        code: "AccessDenied",
        message: `${CONTROL_CHARACTERS}&#0;`,
      },
    },
  });
  const run = await project.ended(await project.start("backup/runs"));
  assert.deepEqual([run.state, run.code], ["failed", "repository_access_denied"]);
  assert.match(run.message!, /no.*forged.*!/);
  assert.doesNotMatch(run.message!, NOT_PLAIN);
});

Deno.test("a response escapes control characters of names and parses to the same name", async () => {
  await using project = await createProject();
  const name = "\u009b31m\u202e\u2028";
  await project.sql`
    insert into storage.objects (bucket_id, name, version) values ('files', ${name}, 'v')`;
  const { id } = await project.backup();
  const answer = await fetch(`${project.url}/functions/v1/holdfast-api/runs/${id}`, {
    headers: { apikey: await project.key("read") },
  });
  const text = await answer.text();
  assert.doesNotMatch(text, NOT_PLAIN);
  assert.equal(JSON.parse(text).failures[0].name, name);
});
