import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { type Answer, ONE_PROCESS, TestProject } from "../support/project.ts";

/**
 * Number of concurrent callers. Each sends its next request after the response to the previous one.
 */
const CALLERS = 32;
/** Number of times the connection is cut during the requests. */
const CUTS = 20;
/**
 * Deno 2.1.4 may run callbacks that clearImmediate removed. postgres.js relies on clearImmediate
 * (porsager/postgres#1066), so a cut may end the isolate. The next request then gets a new isolate.
 */
const EXPECTED_RESULTS = new Set(["200", "WORKER_ERROR"]);

/**
 * Has callers call a function until `enough`. Returns all responses. `each` receives each
 * response's caller and the start of its request, from performance.now().
 */
async function callMany(
  project: TestProject,
  enough: () => boolean,
  each: (caller: number, calledAt: number) => void = () => {},
): Promise<Answer[]> {
  const key = await project.key("read");
  const answers: Answer[] = [];
  await Promise.all(Array.from({ length: CALLERS }, async (_, caller) => {
    while (!enough()) {
      const calledAt = performance.now();
      answers.push(await project.call("GET", "holdfast-api/runs", { key }));
      each(caller, calledAt);
    }
  }));
  return answers;
}

/** Number of responses by status and code. */
function count(answers: Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const what = body?.error?.code ?? body?.code ?? String(status);
    counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
}

Deno.test("all of many concurrent callers get responses over one connection", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  const wanted = 1_000;
  let calls = 0;
  const answers = await callMany(project, () => calls++ >= wanted);
  assert.deepEqual(count(answers), { 200: wanted });
});

Deno.test("a connection that is repeatedly cut during statements is opened again", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  let cuts = 0;
  let cutAt = 0;
  const answeredSince = new Set<number>();
  let over = false;
  const answers = callMany(project, () => over, (caller, calledAt) => {
    if (calledAt >= cutAt) answeredSince.add(caller);
  });
  try {
    while (cuts < CUTS) {
      // Cuts depend on responses, not on time. No request meets two cuts, and each must succeed
      // despite one.
      await eventually(`answers after ${cuts} cuts`, () => answeredSince.size === CALLERS);
      const ended = await project.sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'holdfast' and datname = current_database()`;
      cuts += ended.length;
      cutAt = performance.now();
      answeredSince.clear();
    }
  } finally {
    over = true;
  }
  const counts = count(await answers);
  const unexpected = Object.keys(counts).filter((what) => !EXPECTED_RESULTS.has(what));
  assert.deepEqual(unexpected, [], JSON.stringify(counts));
  await project.backup();
});
