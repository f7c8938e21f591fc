import assert from "node:assert/strict";
import { createBucket, upload } from "./support/objects.ts";
import { type Answer, stack, TestProject } from "./support/project.ts";
import { schedule, tick } from "./support/tick.ts";

/** What must be found nowhere, by what it is. */
type Secrets = Record<string, string>;

/** Every text that holds a secret in one of the forms in which it might leak. */
function leaks(secrets: Secrets, place: string, text: string): string[] {
  return Object.entries(secrets).flatMap(([name, secret]) => {
    const forms = [
      secret,
      encodeURIComponent(secret),
      btoa(secret),
      JSON.stringify(secret).slice(1, -1),
    ];
    return forms.some((form) => text.includes(form)) ? [`${name} in ${place}`] : [];
  });
}

/** All rows of schema holdfast and of what it leaves elsewhere, by table. */
async function rowsOf(project: TestProject): Promise<Map<string, string>> {
  const tables = await project.sql<{ name: string }[]>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname in ('holdfast', 'net', 'cron', 'storage')`;
  const rows = new Map<string, string>();
  for (const { name } of tables) {
    const found = await project.sql.unsafe(`select t::text as row from ${name} t`);
    rows.set(name, found.map(({ row }) => row).join("\n"));
  }
  return rows;
}

async function assertNoLeak(
  project: TestProject,
  secrets: Secrets,
  answers: Answer[],
): Promise<void> {
  const found: string[] = [];
  for (const { function: name, text } of await project.client.functionLogs()) {
    found.push(...leaks(secrets, `the log of ${name}: ${text}`, text));
  }
  for (const [table, text] of await rowsOf(project)) found.push(...leaks(secrets, table, text));
  for (const { body, headers } of answers) {
    found.push(...leaks(secrets, "an answer", JSON.stringify([body, [...headers]])));
  }
  for (const key of await project.bucket.keys()) {
    const bytes = await project.bucket.get(key);
    found.push(...leaks(secrets, key, new TextDecoder("latin1").decode(bytes)));
    if (!key.endsWith(".gz")) continue;
    const stream = new Blob([bytes!]).stream().pipeThrough(new DecompressionStream("gzip"));
    found.push(...leaks(secrets, key, await new Response(stream).text()));
  }
  assert.deepEqual(found, []);
}

Deno.test("no secret stands in a log, a row, an answer or the bucket", async () => {
  await using project = await TestProject.create();
  const { info } = project.client;
  await schedule(project);
  await createBucket(project, "files");
  await upload(project, "files", "a");
  await upload(project, "files", "gone");
  await project.client.loseBytes("files", "gone");
  const [worker] = await project.sql`
    select decrypted_secret as key from vault.decrypted_secrets where name = 'holdfast_worker_key'`;
  const secrets: Secrets = {
    "the S3 secret": project.repository.secretAccessKey,
    "the S3 key's id": project.repository.accessKeyId,
    "the project's secret key": project.secretKey,
    "the service_role key": info.serviceRoleKey,
    "the JWT secret": info.jwtSecret,
    "the database's password": new URL(info.databaseUrl).password,
    "the operate key": await project.key("operate"),
    "the restore key": await project.key("restore"),
    "the look key": await project.key("look"),
    "the worker key": worker!.key,
  };
  const answers: Answer[] = [];
  const ask = async (method: string, path: string, key?: string, body?: unknown) => {
    const answer = await project.call(method, path, { key, body });
    answers.push(answer);
    return answer;
  };
  const operate = secrets["the operate key"];
  const restore = secrets["the restore key"];

  await project.backup();
  await project.restore();
  await tick(project);
  await ask("GET", "holdfast-api/runs", secrets["the look key"]);
  await ask("GET", "holdfast-api/backups", secrets["the look key"]);
  // What goes wrong is where secrets slip out.
  await ask("POST", "holdfast-restore/runs", operate);
  await ask("POST", "holdfast-backup/runs", restore, { key: restore });
  await ask("POST", "holdfast-backup/runs", operate, `{"key": "${operate}"`);
  await ask("POST", "holdfast-backup/runs", secrets["the project's secret key"]);
  for (
    const change of [
      { HOLDFAST_S3_ACCESS_KEY_ID: "UNKNOWN" },
      { HOLDFAST_S3_BUCKET: "there-is-no-such-bucket" },
      { HOLDFAST_S3_ENDPOINT: "http://127.0.0.1:1" },
      { HOLDFAST_S3_REGION: "nowhere" },
    ] as Record<string, string>[]
  ) {
    await project.client.setSecrets({ ...project.repository.secrets, ...change });
    const { body } = await ask("POST", "holdfast-backup/runs", operate);
    await project.ended(body.id);
    answers.push(await project.call("GET", `holdfast-backup/runs/${body.id}`, { key: operate }));
    await ask("POST", "holdfast-restore/runs", restore);
  }
  await project.client.setSecrets(project.repository.secrets);
  await stack.call("addS3Fault", {
    rule: {
      bucket: project.repository.bucket,
      route: "GetObject",
      fault: {
        kind: "error",
        status: 400,
        code: "Odd",
        message: `an odd refusal of ${project.repository.accessKeyId}`,
      },
    },
  });
  const { body } = await ask("POST", "holdfast-backup/runs", operate);
  await project.ended(body.id);

  assert.ok((await project.client.functionLogs()).length > 0, "nothing was logged to look at");
  await assertNoLeak(project, secrets, answers);
});
