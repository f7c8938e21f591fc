import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { type Answer, ONE_PROCESS, TestProject } from "./support/project.ts";

/** So many callers ask at once, each as soon as it was answered. */
const CALLERS = 32;
/** So often is the connection cut under them. */
const CUTS = 20;
const BETWEEN_CUTS_MS = 100;
/**
 * Deno 2.1.4 may run what was cleared with clearImmediate, where postgres.js relies on it
 * (porsager/postgres#1066): a cut may end the isolate then. The next request gets another one.
 */
const EXPECTED_OF_CUTS = new Set(["200", "database_unreachable", "WORKER_ERROR"]);

/** Has callers ask a function until `enough`; gives all that they were answered. */
async function askMany(project: TestProject, enough: () => boolean): Promise<Answer[]> {
  const key = await project.key("look");
  const answers: Answer[] = [];
  await Promise.all(Array.from({ length: CALLERS }, async () => {
    while (!enough()) answers.push(await project.call("GET", "holdfast-api/runs", { key }));
  }));
  return answers;
}

/** How many answers had which status and code. */
function count(answers: Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const what = body?.error?.code ?? body?.code ?? String(status);
    counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
}

Deno.test("many callers at once are all answered over one connection", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  const wanted = 1_000;
  let asked = 0;
  const answers = await askMany(project, () => asked++ >= wanted);
  assert.deepEqual(count(answers), { 200: wanted });
});

Deno.test("a connection that is cut under statements, again and again, is made anew", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  let cuts = 0;
  const answers = askMany(project, () => cuts >= CUTS);
  await eventually(`${CUTS} cuts`, async () => {
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_CUTS_MS));
    const ended = await project.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'holdfast' and datname = current_database()`;
    cuts += ended.length;
    return cuts >= CUTS;
  });
  const counts = count(await answers);
  const unexpected = Object.keys(counts).filter((what) => !EXPECTED_OF_CUTS.has(what));
  assert.deepEqual(unexpected, [], JSON.stringify(counts));
  assert.ok(counts["200"]! > CUTS, JSON.stringify(counts));
  await project.backup();
});
