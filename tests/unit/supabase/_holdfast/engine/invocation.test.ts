import assert from "node:assert/strict";
import { HoldfastError } from "../../../../../supabase/functions/_holdfast/config/errors.ts";
import type { Lease, Stage } from "../../../../../supabase/functions/_holdfast/engine/types.ts";
import { runSlice } from "../../../../../supabase/functions/_holdfast/engine/invocation.ts";
import { createBudget } from "../../../../../supabase/functions/_holdfast/engine/budget.ts";
import type { Database } from "../../../../../supabase/functions/_holdfast/lib/database.ts";
import { TestClock } from "../../test_clock.ts";

function lease(changes: Partial<Lease> = {}): Lease {
  return {
    cursor: 7,
    run: "the run",
    kind: "backup",
    stage: "objects",
    bucket_id: "b",
    position: {},
    attempts: 1,
    crashes: 0,
    isolation_mode: false,
    plan: {},
    repository: 1,
    sequence: 2,
    frozen: null,
    started_at: "then",
    limits: { bytes_per_second: null, requests_per_second: null, egress: false },
    slice_seconds: 40,
    ...changes,
  };
}

/** A database that leases these cursors, one after the other, and records its calls. */
class Cursors implements Database {
  readonly calls: { name: string; parameters: Record<string, unknown> }[] = [];
  /** The result of a call, by its name. */
  readonly answers = new Map<string, unknown>();
  /** The error of a call, by its name. */
  readonly refuse = new Map<string, Error>();
  readonly #leases: Lease[];

  constructor(...leases: Lease[]) {
    this.#leases = leases;
  }

  call<Result>(name: string, parameters: Record<string, unknown>): Promise<Result> {
    this.calls.push({ name, parameters });
    const error = this.refuse.get(name);
    if (error) return Promise.reject(error);
    const answer = name === "lease_cursor"
      ? this.#leases.shift() ?? null
      : this.answers.get(name) ?? null;
    return Promise.resolve(answer as Result);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  get names(): string[] {
    return this.calls.map(({ name }) => name);
  }
}

/** Runs a slice with this single stage and captures the log. */
async function slice(
  cursors: Cursors,
  stage: Stage,
  budget = createBudget({ clock: new TestClock() }),
): Promise<string[]> {
  const logged: string[] = [];
  const log = console.error;
  console.error = (line: string) => void logged.push(line);
  try {
    const stages = { "backup.objects": stage, "backup.prepare": stage };
    await runSlice(cursors, "holdfast-backup", stages, null, budget);
    return logged;
  } finally {
    console.error = log;
  }
}

const fails = (error: Error): Stage => () => Promise.reject(error);

Deno.test("an invocation works on one cursor after another until none is free, under one worker name", async () => {
  const cursors = new Cursors(lease(), lease({ cursor: 8 }));
  const seen: number[] = [];
  await slice(cursors, (leased) => {
    seen.push(leased.cursor);
    return Promise.resolve("finished");
  });
  assert.deepEqual(seen, [7, 8]);
  assert.deepEqual(cursors.names, ["lease_cursor", "lease_cursor", "lease_cursor"]);
  assert.equal(new Set(cursors.calls.map(({ parameters }) => parameters.owner)).size, 1);
});

Deno.test("remaining work is handed to another invocation, and no further cursor is leased", async () => {
  const cursors = new Cursors(lease(), lease({ cursor: 8 }));
  await slice(cursors, () => Promise.resolve("more"));
  assert.deepEqual(cursors.names, ["lease_cursor", "release_cursor"]);
  assert.equal(cursors.calls[1]!.parameters.cursor_id, 7);
});

Deno.test("a slice whose cursor was deleted leases the next one", async () => {
  const cursors = new Cursors(lease());
  cursors.refuse.set("release_cursor", new HoldfastError("lease_lost", ""));
  await slice(cursors, () => Promise.resolve("more"));
  assert.deepEqual(cursors.names, ["lease_cursor", "release_cursor", "post_slice"]);
});

Deno.test("a slice that lost its lease commits nothing for it and continues with another cursor", async () => {
  const cursors = new Cursors(lease(), lease({ cursor: 8 }));
  await slice(cursors, fails(new HoldfastError("lease_lost", "")));
  assert.deepEqual(cursors.names, ["lease_cursor", "lease_cursor", "lease_cursor"]);
});

Deno.test("an error that a retry cannot fix ends the run at once with a remedy", async () => {
  const codes = [
    "settings_invalid",
    "storage_key_refused",
    "repository_key_refused",
    "repository_not_ours",
    "repository_damaged",
    "catalog_behind",
  ] as const;
  for (const code of codes) {
    const cursors = new Cursors(lease());
    const error = new HoldfastError(code, "why");
    const [line] = await slice(cursors, fails(error));
    assert.deepEqual(cursors.names, ["lease_cursor", "fail_run"]);
    const { cursor_id, code: recorded, message, remedy } = cursors.calls[1]!.parameters;
    assert.deepEqual([cursor_id, recorded, message, remedy], [7, code, "why", error.remedy]);
    assert.equal(JSON.parse(line!).code, code);
  }
});

Deno.test("a temporary error is retried by the next tick, up to five times", async () => {
  const error = new HoldfastError("storage_failed", "busy");
  for (const [attempts, ends] of [[1, false], [4, false], [5, true]] as const) {
    const cursors = new Cursors(lease({ attempts }));
    await slice(cursors, fails(error));
    assert.deepEqual(cursors.names, ["lease_cursor", ends ? "fail_run" : "leave_cursor"]);
  }
});

Deno.test("an outage does not end the run after any number of attempts", async () => {
  for (const code of ["storage_unreachable", "repository_unreachable"] as const) {
    const cursors = new Cursors(lease({ attempts: 300 }));
    await slice(cursors, fails(new HoldfastError(code, "")));
    assert.ok(!cursors.names.includes("fail_run"), code);
  }
});

Deno.test("a run that cannot begin ends with the reason", async () => {
  const cursors = new Cursors(lease({ stage: "prepare" }));
  await slice(cursors, fails(new HoldfastError("repository_unreachable", "no answer")));
  assert.deepEqual(cursors.names, ["lease_cursor", "fail_run"]);
});

Deno.test("if the database accepts no writes, the run is not ended", async () => {
  for (const code of ["database_read_only", "database_unreachable"] as const) {
    const cursors = new Cursors(lease({ attempts: 9, stage: "prepare" }));
    const error = new HoldfastError(code, "");
    cursors.refuse.set("leave_cursor", error);
    const logged = await slice(cursors, fails(error));
    assert.deepEqual(cursors.names, ["lease_cursor", "leave_cursor"]);
    assert.equal(logged.length, 1);
  }
});

Deno.test("an unexpected error is logged with its stack and ends the run after five attempts", async () => {
  const first = new Cursors(lease());
  const [line] = await slice(first, fails(new TypeError("x is undefined")));
  assert.match(JSON.parse(line!).stack, /TypeError: x is undefined\n/);
  assert.ok(!first.names.includes("fail_run"));
  const last = new Cursors(lease({ attempts: 5 }));
  await slice(last, fails(new TypeError("x is undefined")));
  const { code, remedy } = last.calls[1]!.parameters;
  assert.deepEqual([code, remedy], ["internal", null]);
});

Deno.test("a stage that this version does not know is an unexpected error", async () => {
  const cursors = new Cursors(lease({ stage: "of tomorrow", attempts: 5 }));
  await slice(cursors, () => Promise.resolve("finished"));
  assert.match(String(cursors.calls[1]!.parameters.message), /no stage backup\.of tomorrow/);
});

Deno.test("a server's Retry-After is recorded for all workers of the run", async () => {
  const cursors = new Cursors(lease());
  const extras = { retryAfterMs: 90_000 };
  await slice(cursors, fails(new HoldfastError("storage_unreachable", "busy", extras)));
  const { retry_seconds, code, message } = cursors.calls.at(-1)!.parameters;
  assert.equal(cursors.names.at(-1), "leave_cursor");
  assert.deepEqual([retry_seconds, code, message], [90, "storage_unreachable", "busy"]);
  const silent = new Cursors(lease());
  await slice(silent, fails(new HoldfastError("storage_unreachable", "down")));
  assert.ok(!("retry_seconds" in silent.calls.at(-1)!.parameters));
});

Deno.test("the slice reports the age of its isolate and receives the age limit", async () => {
  const cursors = new Cursors(lease({ slice_seconds: 60 }));
  const clock = new TestClock();
  const budget = createBudget({ clock });
  clock.advance(3_500);
  await slice(cursors, () => Promise.resolve("finished"), budget);
  assert.equal(cursors.calls[0]!.parameters.isolate_seconds, 3.5);
  clock.advance(56_499);
  assert.equal(budget.exhausted(), false);
  clock.advance(1);
  assert.equal(budget.exhausted(), true, "it may become 60 s old");
});

const LIMITED = { bytes_per_second: null, requests_per_second: null, egress: true };

Deno.test("with an egress limit, the database is queried before each page, and the wait is logged once", async () => {
  const cursors = new Cursors(lease({ limits: LIMITED }));
  cursors.answers.set("may_read", true);
  let pages = 0;
  cursors.answers.set("pause_cursor", { newly_paused: true, until: "tomorrow" });
  const logged = await slice(cursors, async (_, { budget }) => {
    await budget.ready();
    pages++;
    cursors.answers.set("may_read", false);
    await budget.ready();
    return "finished";
  });
  assert.equal(pages, 1);
  assert.deepEqual(cursors.names, ["lease_cursor", "may_read", "may_read", "pause_cursor"]);
  assert.deepEqual(logged.map((line) => JSON.parse(line)), [{
    level: "notice",
    run: "the run",
    stage: "objects",
    paused: { until: "tomorrow" },
  }]);
});

Deno.test("without an egress limit, the database is not queried", async () => {
  const cursors = new Cursors(lease());
  await slice(cursors, async (_, { budget }) => {
    await budget.ready();
    return "more";
  });
  assert.deepEqual(cursors.names, ["lease_cursor", "release_cursor"]);
  assert.equal(cursors.calls[1]!.parameters.rest_seconds, 0);
});

Deno.test("a worker that reads too fast releases its cursor with a rest time", async () => {
  const limits = { bytes_per_second: 100, requests_per_second: null, egress: false };
  const cursors = new Cursors(lease({ limits }));
  await slice(cursors, async (leased, { budget }) => {
    assert.equal(budget.exhausted(), false);
    budget.rateLimiter.sent(0)(100 + 3_000);
    assert.equal(budget.exhausted(), true);
    await assert.rejects(budget.ready(), { code: "paused_by_limit" });
    assert.equal(leased.cursor, 7);
    return await budget.ready().then(() => "finished");
  });
  assert.deepEqual(cursors.names, ["lease_cursor", "release_cursor"]);
  const rest = cursors.calls[1]!.parameters.rest_seconds as number;
  assert.ok(rest > 25 && rest <= 30.1, `${rest} s`);
});

Deno.test("the bytes read are committed once, with the counters of the next commit", async () => {
  const cursors = new Cursors(lease());
  cursors.refuse.set("backup_commit", new HoldfastError("database_unreachable", ""));
  await slice(cursors, async (leased, { budget, commit }) => {
    budget.rateLimiter.sent(10)(10);
    budget.rateLimiter.sent(10)(7);
    await commit("heartbeat", leased);
    await assert.rejects(commit("backup_commit", leased, { done: { objects_copied: 2 } }));
    await commit("missing_commit", leased, { done: { objects_copied: 2 } });
    await commit("finish_cursor", leased, { done: {} });
    return "finished";
  });
  const committed = cursors.calls.filter(({ parameters }) => "done" in parameters)
    .map(({ name, parameters }) => [name, parameters.done]);
  assert.deepEqual(committed, [
    ["backup_commit", { objects_copied: 2, bytes_read: 17 }],
    ["missing_commit", { objects_copied: 2, bytes_read: 17 }],
    ["finish_cursor", {}],
  ]);
});
