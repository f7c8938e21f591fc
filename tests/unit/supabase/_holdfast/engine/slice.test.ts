import assert from "node:assert/strict";
import { HoldfastError } from "../../../../../supabase/functions/_holdfast/errors.ts";
import {
  type Lease,
  runSlice,
  type Stage,
} from "../../../../../supabase/functions/_holdfast/engine/slice.ts";
import type { Database } from "../../../../../supabase/functions/_holdfast/project/database.ts";

function lease(changes: Partial<Lease> = {}): Lease {
  return {
    cursor: 7,
    run: "the run",
    kind: "backup",
    stage: "objects",
    bucket_id: "b",
    position: {},
    attempts: 1,
    deaths: 0,
    careful: false,
    plan: {},
    repository: 1,
    sequence: 2,
    frozen: null,
    started_at: "then",
    ...changes,
  };
}

/** A database that leases these cursors, one after the other, and remembers what it was asked. */
class Cursors implements Database {
  readonly calls: { name: string; parameters: Record<string, unknown> }[] = [];
  /** What a call throws, by its name. */
  readonly refuse = new Map<string, Error>();
  readonly #leases: Lease[];

  constructor(...leases: Lease[]) {
    this.#leases = leases;
  }

  call<Result>(name: string, parameters: Record<string, unknown>): Promise<Result> {
    this.calls.push({ name, parameters });
    const error = this.refuse.get(name);
    if (error) return Promise.reject(error);
    const answer = name === "lease_cursor" ? this.#leases.shift() ?? null : null;
    return Promise.resolve(answer as Result);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  get names(): string[] {
    return this.calls.map(({ name }) => name);
  }
}

/** Runs a slice whose one stage is this, with the log kept from the terminal. */
async function slice(cursors: Cursors, stage: Stage): Promise<string[]> {
  const logged: string[] = [];
  const log = console.error;
  console.error = (line: string) => void logged.push(line);
  try {
    await runSlice(cursors, "holdfast-backup", {
      "backup.objects": stage,
      "backup.prepare": stage,
    });
    return logged;
  } finally {
    console.error = log;
  }
}

const fails = (error: Error): Stage => () => Promise.reject(error);

Deno.test("cursor after cursor is worked on until none is free, under one name", async () => {
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

Deno.test("work that is left is handed on, and nothing more is leased", async () => {
  const cursors = new Cursors(lease(), lease({ cursor: 8 }));
  await slice(cursors, () => Promise.resolve("more"));
  assert.deepEqual(cursors.names, ["lease_cursor", "release_cursor"]);
  assert.equal(cursors.calls[1]!.parameters.cursor_id, 7);
});

Deno.test("a slice whose cursor is gone still asks for the next one", async () => {
  const cursors = new Cursors(lease());
  cursors.refuse.set("release_cursor", new HoldfastError("lease_lost", ""));
  await slice(cursors, () => Promise.resolve("more"));
  assert.deepEqual(cursors.names, ["lease_cursor", "release_cursor", "post_slice"]);
});

Deno.test("a slice that lost its lease writes nothing of it and goes on with another", async () => {
  const cursors = new Cursors(lease(), lease({ cursor: 8 }));
  await slice(cursors, fails(new HoldfastError("lease_lost", "")));
  assert.deepEqual(cursors.names, ["lease_cursor", "lease_cursor", "lease_cursor"]);
});

Deno.test("what another try will not mend ends the run at once, with what to do", async () => {
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
    const { cursor_id, code: told, message, remedy } = cursors.calls[1]!.parameters;
    assert.deepEqual([cursor_id, told, message, remedy], [7, code, "why", error.remedy]);
    assert.equal(JSON.parse(line!).code, code);
  }
});

Deno.test("what may pass is left to the next tick, five times", async () => {
  const error = new HoldfastError("storage_failed", "busy");
  for (const [attempts, ends] of [[1, false], [4, false], [5, true]] as const) {
    const cursors = new Cursors(lease({ attempts }));
    await slice(cursors, fails(error));
    assert.deepEqual(cursors.names, ["lease_cursor", ends ? "fail_run" : "leave_cursor"]);
  }
});

Deno.test("an outage is waited out, however often it is met", async () => {
  for (const code of ["storage_unreachable", "repository_unreachable"] as const) {
    const cursors = new Cursors(lease({ attempts: 300 }));
    await slice(cursors, fails(new HoldfastError(code, "")));
    assert.ok(!cursors.names.includes("fail_run"), code);
  }
});

Deno.test("a run that can't even begin ends with its reason", async () => {
  const cursors = new Cursors(lease({ stage: "prepare" }));
  await slice(cursors, fails(new HoldfastError("repository_unreachable", "no answer")));
  assert.deepEqual(cursors.names, ["lease_cursor", "fail_run"]);
});

Deno.test("where the database takes nothing, the run is not ended", async () => {
  for (const code of ["database_read_only", "database_unreachable"] as const) {
    const cursors = new Cursors(lease({ attempts: 9, stage: "prepare" }));
    const error = new HoldfastError(code, "");
    cursors.refuse.set("leave_cursor", error);
    const logged = await slice(cursors, fails(error));
    assert.deepEqual(cursors.names, ["lease_cursor", "leave_cursor"]);
    assert.equal(logged.length, 1);
  }
});

Deno.test("the unexpected is logged with its stack, and ends the run after five tries", async () => {
  const first = new Cursors(lease());
  const [line] = await slice(first, fails(new TypeError("x is undefined")));
  assert.match(JSON.parse(line!).stack, /TypeError: x is undefined\n/);
  assert.ok(!first.names.includes("fail_run"));
  const last = new Cursors(lease({ attempts: 5 }));
  await slice(last, fails(new TypeError("x is undefined")));
  const { code, remedy } = last.calls[1]!.parameters;
  assert.deepEqual([code, remedy], ["internal", null]);
});

Deno.test("a stage that this version does not know is such a surprise", async () => {
  const cursors = new Cursors(lease({ stage: "of tomorrow", attempts: 5 }));
  await slice(cursors, () => Promise.resolve("finished"));
  assert.match(String(cursors.calls[1]!.parameters.message), /no stage backup\.of tomorrow/);
});
