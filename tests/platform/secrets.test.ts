import assert from "node:assert/strict";
import { ECHO_ENCODINGS, startEcho } from "../support/echo.ts";
import { createBucket, upload } from "../support/objects.ts";
import { type Answer, stack, TestProject } from "../support/project.ts";
import { schedule, tick } from "../support/tick.ts";
import { freePort } from "../../stack/process/ports.ts";

/** Secrets by their descriptions. */
type Secrets = Record<string, string>;

/** Names the secrets that a text contains in plain or encoded form. */
function leaks(secrets: Secrets, location: string, text: string): string[] {
  return Object.entries(secrets).flatMap(([name, secret]) => {
    const forms = [
      secret,
      encodeURIComponent(secret),
      JSON.stringify(secret).slice(1, -1),
      ...cores(secret).flatMap((core) => [
        core,
        encodeURIComponent(core),
        core.replaceAll("+", "-").replaceAll("/", "_"),
      ]),
    ];
    return forms.some((form) => text.includes(form)) ? [`${name} in ${location}`] : [];
  });
}

/** Base64 of a secret at each byte offset, without the ends that depend on the surrounding text. */
function cores(secret: string): string[] {
  return ["", ".", ".."].map((before) => btoa(before + secret).slice(4, -4));
}

/**
 * All rows of all tables except the vault's, by table. The queue of posts may hold the worker key.
 */
async function rowsOf(project: TestProject): Promise<Map<string, string>> {
  const tables = await project.sql<{ name: string }[]>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname not in ('pg_catalog', 'information_schema', 'vault')`;
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
  for (const [table, text] of await rowsOf(project)) {
    const { "the worker key": _, ...others } = secrets;
    const waiting = table === "net.http_request_queue";
    found.push(...leaks(waiting ? others : secrets, table, text));
  }
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

/** Every secret that the functions have, or that grants access to them. */
async function secretsOf(project: TestProject): Promise<Secrets> {
  const { info } = project.client;
  const [worker] = await project.sql`
    select decrypted_secret as key from vault.decrypted_secrets where name = 'holdfast_worker_key'`;
  return {
    "the S3 secret": project.repository.secretAccessKey,
    "the S3 key's id": project.repository.accessKeyId,
    "the project's secret key": project.secretKey,
    "the service_role key": info.serviceRoleKey,
    "the JWT secret": info.jwtSecret,
    "the database's password": new URL(info.databaseUrl).password,
    "the operate key": await project.key("operate"),
    "the restore key": await project.key("restore"),
    "the read key": await project.key("read"),
    "the worker key": worker!.key,
  };
}

Deno.test("no log, row, response or object of the bucket contains a secret", async () => {
  await using project = await TestProject.create();
  await schedule(project);
  await createBucket(project, "files");
  await upload(project, "files", "a");
  await upload(project, "files", "missing");
  await project.client.loseBytes("files", "missing");
  const secrets = await secretsOf(project);
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
  await ask("GET", "holdfast-api/runs", secrets["the read key"]);
  await ask("GET", "holdfast-api/backups", secrets["the read key"]);
  // Errors are the most likely leaks.
  await ask("POST", "holdfast-restore/runs", operate);
  await ask("POST", "holdfast-backup/runs", restore, { key: restore });
  await ask("POST", "holdfast-restore/runs", restore, { [restore]: restore, snapshot: restore });
  await ask("GET", `holdfast-backup/runs/${operate}`, operate);
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

  assert.ok(
    (await project.client.functionLogs()).length > 0,
    "the log is empty: nothing is tested",
  );
  await assertNoLeak(project, secrets, answers);
});

Deno.test("request data that a server repeats is hidden in logs, rows and responses", async () => {
  await using echo = startEcho();
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a");
  await project.backup();
  const secrets = await secretsOf(project);
  const answers: Answer[] = [];
  const start = async (of: TestProject, path: string, body: unknown = {}) => {
    const key = await of.key(path === "restore/runs" ? "restore" : "operate");
    const answer = await of.call("POST", `holdfast-${path}`, { key, body });
    answers.push(answer);
    await of.client.functionsIdle();
    if (answer.status === 202) {
      answers.push(await of.call("GET", answer.body.location.slice(14), { key }));
    }
  };

  await project.client.setSecrets({ HOLDFAST_S3_ENDPOINT: echo.url });
  for (let times = 0; times < ECHO_ENCODINGS; times++) {
    await start(project, "backup/runs");
    await start(project, "restore/runs");
  }
  assert.ok(echo.requests.length >= 2 * ECHO_ENCODINGS, "requests reached S3");
  await assertNoLeak(project, secrets, answers);

  // Storage of this project is such a server, for a backup and for a restore.
  await using other = await TestProject.create({
    repository: project.repository,
    secrets: { ...project.repository.secrets, SUPABASE_URL: echo.url },
  });
  const others = await secretsOf(other);
  const asked = echo.requests.length;
  await start(other, "restore/runs", { dry_run: false });
  await other.sql`update holdfast_private.runs set state = 'cancelled', ended_at = now()`;
  await createBucket(other, "own");
  for (let name = 0; name < 2 * ECHO_ENCODINGS; name++) await upload(other, "own", String(name));
  await other.client.setSecrets({ HOLDFAST_S3_PREFIX: "others" });
  await start(other, "backup/runs");
  const sent = echo.requests.slice(asked);
  assert.ok(sent.some((request) => request.startsWith("GET /storage/v1/object")), "for a backup");
  assert.ok(sent.some((request) => request.startsWith("POST /storage/v1/")), "for a restore");
  const failures = await other
    .sql`select from holdfast_private.failures where message like '%(hidden)%'`;
  assert.ok(failures.length > 0, "no failure is recorded: nothing is tested");
  await assertNoLeak(other, { ...secrets, ...others }, answers);
  assert.deepEqual(echo.followed, []);
});

Deno.test("a failed database connection does not reveal the password", async () => {
  await using project = await TestProject.create();
  const { username, hostname, port, pathname } = new URL(project.client.info.databaseUrl);
  const urlOf = (password: string, at = `${hostname}:${port}`) =>
    `postgresql://${username}:${password}@${at}${pathname}`;
  const password = "test-password-of-the-database";
  const urls = {
    wrong: urlOf(password),
    "of no server": urlOf(password, `127.0.0.1:${freePort()}`),
    "not encoded": urlOf(`#/${password}`),
    "no URL": password,
  };
  for (const [what, url] of Object.entries(urls)) {
    await using other = await TestProject.create({
      functions: ["holdfast-backup"],
      secrets: { ...project.repository.secrets, SUPABASE_DB_URL: url },
    });
    const key = await other.key("operate");
    const answers = [
      await other.call("POST", "holdfast-backup/runs", { key }),
      await other.call("POST", "holdfast-backup/runs", { key, body: { [password]: password } }),
    ];
    for (const { status, body } of answers) {
      assert.deepEqual([what, status, body.code], [what, 503, body.code], JSON.stringify(body));
      assert.match(body.code, /^(database_unreachable|settings_invalid)$/, what);
    }
    await assertNoLeak(other, { "the test password": password }, answers);
  }
});
