/** Seals a snapshot: writes its list parts, then snapshot.json, and its log record last. */
import { gzipSync } from "node:zlib";
import type { Lease, SliceContext, Stage } from "../../engine/types.ts";
import { HoldfastError } from "../../config/errors.ts";
import {
  MAX_DOCUMENT_BYTES,
  putDocument,
  putIfAbsent,
  putOwnDocument,
} from "../../repository/documents.ts";
import {
  assertReadable,
  formatDocument,
  type ListPart,
  type LogRecord,
  type SnapshotDocument,
  snapshotSchema,
} from "../../repository/formats.ts";
import { hexDigest } from "../../lib/codecs/hex.ts";
import { listKey, logKey, snapshotId, snapshotKey } from "../../repository/keys.ts";
import { assertNoNewRecords } from "../../repository/open.ts";
import type { RepositoryStore } from "../../destinations/store.ts";
import { abortOrphanedUploads } from "./orphaned_uploads.ts";
import { FORMAT_VERSION, VERSION } from "../../config/version.ts";

/** Most lines of a list part: about 10 MB of text, which a slice can compress in one step. */
const LINES_PER_PART = 20_000;
/** Compression level. Level 1 is nine times as fast as the default, and parts are 20 % larger. */
const GZIP_LEVEL = 1;

interface SealPage {
  readonly count: number;
  readonly text: string | null;
  readonly bucket_id: string | null;
  readonly name: string | null;
  readonly kind: "full" | "changes";
  readonly parts: readonly ListPart[];
  readonly inherited: readonly ListPart[];
  /** Totals of the snapshot up to and including this page. */
  readonly totals: unknown;
}

interface SealFacts {
  readonly repository_id: string;
  readonly sealed_at: string;
  readonly started_at: string;
  readonly sequence: number;
  readonly state: "complete" | "partial";
  readonly buckets: SnapshotDocument["buckets"];
  readonly policies: SnapshotDocument["policies"];
  readonly totals: SnapshotDocument["totals"];
}

/**
 * Makes the stage that seals a snapshot. It aborts orphaned uploads, writes the list parts, freezes
 * snapshot.json in the run's row, and puts snapshot.json and its log record. The frozen bytes make a
 * repeated attempt write the same document.
 *
 * @param projectUrl URL of the project, which the snapshot states
 */
export function sealStage(store: RepositoryStore, projectUrl: string): Stage {
  return async (lease, context) => {
    if (lease.frozen !== null) {
      await publish(lease.frozen, lease, context, store);
      return "finished";
    }
    if (lease.position["parts"] === undefined) await abortOrphanedUploads(lease, context, store);
    while (true) {
      const page = await context.commit<SealPage>("seal_page", lease, {
        max_lines: LINES_PER_PART,
      });
      if (page.count === 0 || page.text === null) {
        if (!await countMissing(lease, context)) return "more";
        const document = await compose(page, lease, context, projectUrl);
        await context.commit("freeze_snapshot", lease, { document });
        await publish(document, lease, context, store);
        return "finished";
      }
      await writePart(page, page.text, lease, context, store);
      if (context.budget.exhausted()) return "more";
    }
  };
}

async function writePart(
  page: SealPage,
  text: string,
  lease: Lease,
  context: SliceContext,
  store: RepositoryStore,
): Promise<void> {
  const compressed = new Uint8Array(gzipSync(`${text}\n`, { level: GZIP_LEVEL }));
  const sha256 = await hexDigest(compressed);
  const key = listKey(sha256);
  const put = await store.put(key, compressed, { sha256, contentType: "application/gzip" });
  if (put === "exists") await assertHolds(store, key, sha256);
  const part: ListPart = {
    key,
    kind: page.kind,
    sequence: lease.sequence ?? 0,
    entries: page.count,
    bytes: compressed.length,
  };
  context.budget.charge(page.count / 10, text.length);
  await context.commit("commit_cursor", lease, {
    new_position: {
      bucket_id: page.bucket_id,
      name: page.name,
      parts: [...page.parts, part],
      totals: page.totals,
    },
    done: { s3_requests: 1 },
  });
}

/**
 * Verifies the bytes of an existing part. A run that was not sealed may have written the same part,
 * and the key alone does not prove its bytes.
 */
async function assertHolds(store: RepositoryStore, key: string, sha256: string): Promise<void> {
  const there = await store.get(key, MAX_DOCUMENT_BYTES);
  if (there && await hexDigest(there) === sha256) return;
  throw new HoldfastError(
    "repository_damaged",
    `${key} is there with other bytes than its digest's`,
  );
}

/** Counts the objects without bytes in steps; false if the budget is exhausted before the end. */
async function countMissing(lease: Lease, context: SliceContext): Promise<boolean> {
  while (!await context.commit<boolean>("seal_count", lease)) {
    if (context.budget.exhausted()) return false;
  }
  return true;
}

async function compose(
  page: SealPage,
  lease: Lease,
  context: SliceContext,
  projectUrl: string,
): Promise<string> {
  const facts = await context.commit<SealFacts>("seal_facts", lease);
  // The facts are not parsed by a schema: that would round numbers that a double can't represent.
  const document: SnapshotDocument = {
    format: FORMAT_VERSION,
    requires: [],
    id: snapshotId(facts.sealed_at, facts.sequence),
    sequence: facts.sequence,
    repository_id: facts.repository_id,
    state: facts.state,
    project_url: projectUrl,
    started_at: facts.started_at,
    sealed_at: facts.sealed_at,
    holdfast_version: VERSION,
    parts: [...page.inherited, ...page.parts],
    buckets: facts.buckets,
    policies: facts.policies,
    totals: facts.totals,
  };
  const text = formatDocument(document);
  assertReadable(text, document);
  return text;
}

/** Puts the frozen snapshot.json, then the log record that makes it valid, and marks the run sealed. */
async function publish(
  frozen: string,
  lease: Lease,
  context: SliceContext,
  store: RepositoryStore,
): Promise<void> {
  const document = snapshotSchema.parse(JSON.parse(frozen));
  const record: LogRecord = {
    kind: "snapshot",
    sequence: document.sequence,
    at: document.sealed_at,
    snapshot: document.id,
    sha256: await hexDigest(new TextEncoder().encode(frozen)),
    project_url: document.project_url,
  };
  const collides = await context.commit<boolean>("is_next_log_record", lease);
  if (!collides) await assertNoNewRecords(store, context.database, document, record);
  await putOwnDocument(store, snapshotKey(document.id), frozen);
  const recordKey = logKey(document.sequence);
  const put = collides ? putDocument : putIfAbsent;
  if (!await put(store, recordKey, formatDocument(record))) {
    // This throws a more specific error if the record shows that another project owns the repository.
    await assertNoNewRecords(store, context.database, document);
    throw new HoldfastError("catalog_behind", `${recordKey} was written by someone else`);
  }
  await context.commit("seal_run", lease, { done: { s3_requests: collides ? 2 : 4 } });
}
