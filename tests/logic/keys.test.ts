import assert from "node:assert/strict";
import type { Answer, Scope } from "../support/project.ts";
import { ONE_PROCESS, TestProject } from "../support/project.ts";
import { routesServed } from "../support/routes.ts";

const UNKNOWN_RUN = "00000000-0000-4000-8000-000000000000";

/** Every route with its required scope and the status that a key of that scope receives. */
const ROUTES: { method: string; path: string; scope: Scope; body?: string; status: number }[] = [
  // The body is not JSON, so nothing starts. The key is checked before the body.
  { method: "POST", path: "holdfast-backup/work", scope: "worker", body: "{", status: 400 },
  { method: "POST", path: "holdfast-backup/runs", scope: "operate", body: "{", status: 400 },
  { method: "POST", path: "holdfast-backup/imports", scope: "operate", body: "{", status: 400 },
  { method: "POST", path: "holdfast-backup/take-over", scope: "operate", body: "{", status: 400 },
  { method: "GET", path: `holdfast-backup/runs/${UNKNOWN_RUN}`, scope: "operate", status: 404 },
  {
    method: "POST",
    path: `holdfast-backup/runs/${UNKNOWN_RUN}/cancel`,
    scope: "operate",
    status: 404,
  },
  { method: "POST", path: "holdfast-restore/work", scope: "worker", body: "{", status: 400 },
  { method: "POST", path: "holdfast-restore/runs", scope: "restore", body: "{", status: 400 },
  { method: "GET", path: `holdfast-restore/runs/${UNKNOWN_RUN}`, scope: "restore", status: 404 },
  {
    method: "POST",
    path: `holdfast-restore/runs/${UNKNOWN_RUN}/cancel`,
    scope: "restore",
    status: 404,
  },
  { method: "GET", path: "holdfast-api/runs", scope: "read", status: 200 },
  { method: "GET", path: `holdfast-api/runs/${UNKNOWN_RUN}`, scope: "read", status: 404 },
  { method: "GET", path: "holdfast-api/backups", scope: "read", status: 200 },
];

const BACKUP = { name: "holdfast-backup", scope: "operate" } as const;
const RESTORE = { name: "holdfast-restore", scope: "restore" } as const;

/** Each kind of run, with its own function and the other function. */
const FUNCTIONS_OF_KINDS = [
  ["backup", BACKUP, RESTORE],
  ["import", BACKUP, RESTORE],
  ["restore", RESTORE, BACKUP],
] as const;

const SCOPES: Scope[] = ["worker", "read", "operate", "restore"];

const KEY_REFUSED = {
  type: "https://github.com/holdfast-backup/holdfast/blob/main/docs/ERRORS.md#key_refused",
  title: "No valid Holdfast key",
  status: 401,
  code: "key_refused",
  detail: "The request carries no key that Holdfast accepts.",
  remedy: "Send a Holdfast key in the apikey header, or as Authorization: Bearer. Make one in " +
    "SQL: select holdfast.create_key('operate', 'my name').",
};

const SCOPE_REFUSED = {
  type: "https://github.com/holdfast-backup/holdfast/blob/main/docs/ERRORS.md#scope_refused",
  title: "This key may not do that",
  status: 403,
  code: "scope_refused",
  detail: "The key is valid and of another scope.",
  remedy: "Use a key of the scope that this route needs; docs/SECURITY.md lists them.",
};

/** Asserts that a refusal has the one expected body. */
function assertRefused(answer: Answer, expected: typeof KEY_REFUSED, what: string): void {
  assert.equal(answer.status, expected.status, what);
  assert.equal(answer.headers.get("content-type"), "application/problem+json", what);
  assert.deepEqual(answer.body, expected, what);
}

Deno.test("the table of routes in this test is complete", () => {
  const served = routesServed();
  const listed = ROUTES.map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(served.map((route) => route.replace(":id", UNKNOWN_RUN)).sort(), listed.sort());
});

Deno.test("each route accepts keys of one scope and refuses all others with the same body", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  for (const { method, path, scope, body, status } of ROUTES) {
    for (const sent of SCOPES) {
      const answer = await project.call(method, path, { key: await project.key(sent), body });
      const what = `${method} ${path} with a key of scope ${sent}`;
      if (sent === scope) assert.equal(answer.status, status, what);
      else assertRefused(answer, SCOPE_REFUSED, what);
    }
  }
});

Deno.test("a key can show and cancel the runs of its own function only", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  for (const [kind, own, other] of FUNCTIONS_OF_KINDS) {
    // No slice works on this run. Only a key of its function may see it.
    const [row] = await project.sql<{ id: string }[]>`
      insert into holdfast_private.runs (kind, plan, started_by) values (${kind}, '{}', 'a test')
      returning id`;
    const ask = (method: string, path: string, { name, scope }: typeof BACKUP | typeof RESTORE) =>
      project.key(scope).then((key) =>
        project.call(method, `${name}/runs/${row!.id}${path}`, { key })
      );
    for (const [method, path] of [["GET", ""], ["POST", "/cancel"]] as const) {
      const { status, body } = await ask(method, path, other);
      assert.deepEqual([status, body.code], [404, "run_unknown"], `${method} of a ${kind}`);
    }
    const { status, body } = await ask("GET", "", own);
    assert.deepEqual([status, body.state], [200, "running"]);
    assert.equal((await ask("POST", "/cancel", own)).status, 200);
  }
});

Deno.test("missing, malformed, unknown and revoked keys are refused with the same body", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  await using other = await TestProject.create(ONE_PROCESS);
  const live = await project.key("operate");
  const revoked = await project.createKey("operate", "revoked");
  await project.sql`select holdfast.revoke_key('revoked')`;
  const [, , id, secret] = live.split("_");
  const keys: Record<string, string | undefined> = {
    none: undefined,
    empty: "",
    malformed: "hf_operate_",
    "cut short": live.slice(0, -1),
    "too long": `${live}0`,
    "in capitals": live.toUpperCase(),
    "with another secret": `hf_operate_${id}_${secret!.replaceAll(/./g, "0")}`,
    "with one bit changed": live.slice(0, -1) + (live.endsWith("0") ? "1" : "0"),
    "of another id": `hf_operate_${id!.replaceAll(/./g, "0")}_${secret}`,
    "with another scope put in": `hf_restore_${id}_${secret}`,
    revoked,
    "of another project": await other.key("operate"),
    "the project's secret key": project.secretKey,
    "the project's publishable key": project.client.info.publishableKey,
    "the project's service_role key": project.client.info.serviceRoleKey,
  };
  for (const [what, key] of Object.entries(keys)) {
    for (const { method, path, body } of ROUTES) {
      const answer = await project.call(method, path, { key, body });
      assertRefused(answer, KEY_REFUSED, `${what} at ${method} ${path}`);
      assert.equal(answer.headers.get("www-authenticate"), "Bearer");
    }
  }
});

Deno.test("a key may be sent as Bearer, also next to one of the project's own keys", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  const key = await project.key("read");
  const { publishableKey } = project.client.info;
  const ways: Record<string, string>[] = [
    { apikey: key },
    { authorization: `Bearer ${key}` },
    { authorization: `bearer ${key}`, apikey: publishableKey },
    { apikey: key, authorization: `Bearer ${publishableKey}` },
  ];
  for (const headers of ways) {
    const response = await project.client.callFunction("holdfast-api/backups", { headers });
    assert.deepEqual([response.status, await response.json()], [200, { snapshots: [] }]);
  }
});

Deno.test("the worker key can continue runs but cannot start one", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  const [row] = await project.sql`
    select decrypted_secret as key from vault.decrypted_secrets where name = 'holdfast_worker_key'`;
  const key = row!.key as string;
  const worked = await project.call("POST", "holdfast-backup/work", { key, body: {} });
  assert.deepEqual([worked.status, worked.body], [202, { accepted: true }]);
  for (const { method, path, scope } of ROUTES) {
    if (scope === "worker") continue;
    assertRefused(await project.call(method, path, { key }), SCOPE_REFUSED, path);
  }
  await project.client.functionsIdle();
  const [count] = await project.sql`select count(*)::int as runs from holdfast_private.runs`;
  assert.equal(count!.runs, 0);
});
