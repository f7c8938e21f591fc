import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { endedByLimit } from "../../stack/edge/isolates.ts";
import { forge, type Forgery, type Unfit } from "../support/forge.ts";
import { createBucket, upload } from "../support/objects.ts";
import { ONE_PROCESS, type RunRow, TestProject } from "../support/project.ts";
import { digestOf } from "../../stack/repository_reader.ts";

/**
 * Restores a forged repository into a new project. Passes the ended run to `check`, with any
 * result.
 */
async function restoreForged(
  change: (forgery: Forgery) => void,
  check: (target: TestProject, run: RunRow) => Promise<void>,
): Promise<void> {
  await using source = await TestProject.create();
  await createBucket(source, "files");
  for (const name of ["a", "b"]) await upload(source, "files", name);
  await source.backup();
  await forge(source, change);
  await using target = await TestProject.create({
    repository: source.repository,
    limits: "selfHosted",
    ...ONE_PROCESS,
  });
  await check(target, await target.ended(await target.start("restore/runs", { dry_run: false })));
  assert.deepEqual((await target.client.isolates()).filter(endedByLimit), []);
}

/** Changes the line of object `a`. */
function changeLine(change: Record<string, unknown>) {
  return ({ lines }: Forgery) => {
    lines[0] = JSON.stringify({ ...JSON.parse(lines[0]!), ...change });
  };
}

async function namesIn(target: TestProject): Promise<string[]> {
  const rows = await target.sql<{ name: string }[]>`
    select bucket_id || '/' || name as name from storage.objects order by 1`;
  return rows.map(({ name }) => name);
}

/** Changes the snapshot's entry for the first part of its listing. */
const changePart = (change: Record<string, unknown>) => ({ document }: Forgery) => {
  Object.assign(document.parts[0]!, change);
};
const changeDocument = (change: Record<string, unknown>) => ({ document }: Forgery) => {
  Object.assign(document, change);
};
const nested = (depth: number) => JSON.parse("[".repeat(depth) + "]".repeat(depth));
const packed = (text: string) => new Uint8Array(gzipSync(text));

const NO_ONE = "00000000-0000-4000-8000-000000000000";

/** Forgeries for which a snapshot must be refused completely, each with its error message. */
const FORGERIES: [what: string, falsify: (forgery: Forgery) => Unfit | void, message: RegExp][] = [
  ["a part that is too large when unpacked", ({ lines }) => {
    lines.push(" ".repeat(200 * 1024 * 1024));
  }, /lists\/[0-9a-f]{64}\.ndjson\.gz can't be unpacked/],
  [
    "a part outside the prefix",
    changePart({ key: "../other/lists/a.ndjson.gz" }),
    /parts.0.key/,
  ],
  ["a part that is the snapshot itself", ({ document, record }) => {
    document.parts[0]!.key = `snapshots/${record.snapshot}.json`;
  }, /parts.0.key/],
  ["a part that is an object's bytes", changePart({ key: "data/files/a/b" }), /parts.0.key/],
  ["a part that is listed twice", ({ document }) => {
    document.parts.push(document.parts[0]!);
  }, /parts name one part twice/],
  ["a part of a later snapshot", changePart({ sequence: 1_000 }), /parts are of later snapshots/],
  ["a part whose bytes differ from its digest", () => ({ part: packed("{}\n") }), /its digest/],
  ["a part that is not gzip", ({ document }) => {
    const part = new TextEncoder().encode("no gzip");
    Object.assign(document.parts[0]!, { key: `lists/${digestOf(part)}.ndjson.gz`, bytes: 7 });
    return { part };
  }, /lists\//],
  ["a part with more lines than its count", changePart({ entries: 1 }), /lines instead of 1/],
  ["a part that exceeds its size", changePart({ bytes: 1 }), /larger than 1 bytes/],
  [
    "a document whose bytes differ from the digest in its record",
    () => ({ behindDocument: " " }),
    /what the log says/,
  ],
  ["a record of a missing snapshot", ({ record }) => {
    record.snapshot = "20200101T000000Z-9";
  }, /in the log and not there/],
  ["a record of another sequence", ({ record }) => {
    record.sequence = 999;
  }, /says that it is record 999/],
  ["a record with an invalid snapshot id", ({ record }) => {
    record.snapshot = "../../holdfast";
  }, /log\/\d{16}.json: snapshot/],
  ["another snapshot's id", changeDocument({ id: "20200101T000000Z-9" }), /says that it is 2020/],
  ["another repository's id", changeDocument({ repository_id: NO_ONE }), /of the repository 0000/],
  ["a newer format", changeDocument({ format: 99 }), /format 99/],
  ["an unknown required feature", changeDocument({ requires: ["trust"] }), /trust/],
  [
    "a required feature with control characters",
    changeDocument({
      requires: ['a\n{"level":"error","code":"forged"}\r\u001b[2J\u009b2J\u2028'],
    }),
    /forged/,
  ],
  [
    "a text that Postgres cannot store",
    changeDocument({ policies: [{ qual: "\0" }] }),
    /can't store/,
  ],
  [
    "policies nested too deeply",
    changeDocument({ policies: [{ a: nested(5_000) }] }),
    /can't store/,
  ],
  ["a bucket without a name", changeDocument({ buckets: [{ id: "files" }] }), /buckets.0.name/],
  ["a bucket that is listed twice", ({ document }) => {
    document.buckets.push(document.buckets[0]!);
  }, /buckets name one bucket twice/],
  ...[1.5, 1e30, "5"].map((limit): typeof FORGERIES[number] => [
    `a bucket's limit of ${limit}`,
    ({ document }) => void Object.assign(document.buckets[0]!, { file_size_limit: limit }),
    /buckets.0.file_size_limit/,
  ]),
  [
    "too many values",
    changeDocument({ policies: Array(1_500_000).fill({}) }),
    /more than \d+ values/,
  ],
  ["more items than the limit", changeDocument({ policies: Array(100_001).fill({}) }), /items/],
  ["a record that is too long", ({ record }) => {
    Object.assign(record, { at: "x".repeat(60_000) });
  }, /log\/\d{16}.json: at/],
  ["a bucket with invalid settings", ({ document }) => {
    Object.assign(document.buckets[0]!, { allowed_mime_types: "image/png" });
  }, /allowed_mime_types/],
  ...[
    "../../other/secret",
    "data/../../other/secret",
    "data//a",
    "/data/files/a",
    "data/./a",
    "lists/a",
    "holdfast.json",
    "http://169.254.169.254/latest",
  ].map((
    key,
  ): typeof FORGERIES[number] => [`an entry at ${key}`, changeLine({ key }), /line 1: key/]),
  ...["{", "[".repeat(100_000), '"\\u0000"'].map((text): typeof FORGERIES[number] => [
    "user metadata that are not JSON",
    changeLine({ user_metadata_text: text }),
    /user_metadata_text is no JSON/,
  ]),
  ["a repeated line", ({ lines, document }) => {
    lines.push(lines[0]!);
    document.parts[0]!.entries = lines.length;
  }, /for the second time/],
];

/** The error of a run that must not succeed, from its start or from its end. */
async function refusal(
  target: TestProject,
  path: "backup/imports" | "restore/runs",
): Promise<{ code: string; message: string }> {
  const [scope, body] = path === "restore/runs"
    ? ["restore", { dry_run: false }] as const
    : ["operate", {}] as const;
  const key = await target.key(scope);
  const answer = await target.call("POST", `holdfast-${path}`, { key, body });
  if (answer.status !== 202) return { code: answer.body.code, message: answer.body.detail };
  const { state, code, message } = await target.ended(answer.body.id);
  return { code: `${state === "failed" ? "" : state}${code}`, message: message ?? "" };
}

Deno.test("an import and a restore read nothing from a snapshot with forged data", async () => {
  await using source = await TestProject.create();
  await createBucket(source, "files");
  for (const name of ["a", "b"]) await upload(source, "files", name);
  await source.backup();
  await using target = await TestProject.create({
    repository: source.repository,
    limits: "selfHosted",
    ...ONE_PROCESS,
  });
  for (const [what, falsify, message] of FORGERIES) {
    const undo = await forge(source, falsify);
    for (const path of ["backup/imports", "restore/runs"] as const) {
      const { code, message: reported } = await refusal(target, path);
      assert.match(code, /^repository_(damaged|format_unsupported)$/, `${path}: ${what}`);
      assert.match(reported, message, `${path}: ${what}`);
    }
    await undo();
  }
  assert.deepEqual(await namesIn(target), []);
  const [held] = await target.sql`
    select (select count(*)::int from holdfast_private.snapshots) as snapshots,
      (select count(*)::int from storage.buckets) as buckets`;
  assert.deepEqual(held, { snapshots: 0, buckets: 0 });
  assert.deepEqual((await target.client.isolates()).filter(endedByLimit), []);
  for (const { text } of await target.client.functionLogs()) {
    assert.doesNotMatch(text, /\p{Cc}|\u2028/u);
    // The platform writes its own lines when it ends an isolate.
    if (text.startsWith("{")) assert.notEqual(JSON.parse(text).code, "forged");
  }
  // The original snapshot remains usable.
  await target.restore();
  assert.deepEqual(await namesIn(target), ["files/a", "files/b"]);
});

Deno.test("bytes whose digest differs from the entry's are never written", async () => {
  await restoreForged(changeLine({ sha256: "0".repeat(64) }), async (target, run) => {
    assert.equal(run.state, "succeeded", JSON.stringify(run));
    assert.equal(run.counters.objects_failed, 1);
    assert.deepEqual(await namesIn(target), ["files/b"]);
  });
});

Deno.test("a name with path traversal is not restored to another bucket", async () => {
  await restoreForged(changeLine({ name: "../../bucket/other" }), async (target, run) => {
    assert.equal(run.state, "succeeded", JSON.stringify(run));
    assert.equal(run.counters.objects_failed, 1);
    assert.deepEqual(await namesIn(target), ["files/b"]);
    const buckets = await target.sql<{ id: string }[]>`select id from storage.buckets`;
    assert.deepEqual(buckets.map(({ id }) => id), ["files"]);
  });
});

Deno.test("a name with path traversal is not moved to another bucket", async () => {
  await using source = await TestProject.create();
  await createBucket(source, "files");
  for (const name of ["a", "b"]) await upload(source, "files", name);
  await source.backup();
  await forge(source, changeLine({ name: "../../bucket/other" }));
  await using target = await TestProject.create({ repository: source.repository });
  // A restore puts objects into an existing bucket by move.
  await createBucket(target, "files");
  const { result } = await target.restore();
  assert.deepEqual([result.did.objects_restored, result.did.objects_failed], [1, 1]);
  assert.deepEqual(await namesIn(target), ["files/b"]);
});

Deno.test("policies of a snapshot are stored as text and never executed", async () => {
  const policy = {
    schemaname: "storage",
    tablename: "objects",
    policyname: 'x" on storage.objects using (true); drop schema holdfast cascade; --',
    permissive: "PERMISSIVE",
    roles: "{anon}",
    cmd: "ALL",
    qual: "true); drop table storage.objects cascade; --",
    with_check: null,
  };
  await restoreForged(({ document }) => {
    document.policies = [policy];
  }, async (target, run) => {
    assert.equal(run.state, "succeeded", JSON.stringify(run));
    assert.deepEqual(await namesIn(target), ["files/a", "files/b"]);
    const policies = await target.sql`
      select policyname from pg_policies where schemaname = 'storage'`;
    assert.deepEqual([...policies], []);
    assert.equal(run.result.missing_policies[0].policyname, policy.policyname);
  });
});
