import assert from "node:assert/strict";
import { abortOrphanedUploads } from "../../../../../../supabase/functions/_holdfast/jobs/backup/orphaned_uploads.ts";
import type {
  Lease,
  SliceContext,
} from "../../../../../../supabase/functions/_holdfast/engine/types.ts";
import {
  HOLDFAST_KEY,
  logKey,
} from "../../../../../../supabase/functions/_holdfast/repository/keys.ts";
import type { UploadPage } from "../../../../../../supabase/functions/_holdfast/destinations/store.ts";
import { MemoryStore } from "../../../memory_store.ts";

const NOW = new Date("2026-11-21T12:00:00Z");
const hoursAgo = (hours: number) => new Date(NOW.getTime() - hours * 60 * 60 * 1000);

/** A repository with unfinished uploads of these ages in hours, `onPage` of them per page. */
class Uploads extends MemoryStore {
  readonly aborted: string[] = [];
  listings = 0;

  constructor(readonly hours: readonly number[], readonly onPage: number) {
    super();
    this.write(
      HOLDFAST_KEY,
      JSON.stringify({
        format: 1,
        repository_id: crypto.randomUUID(),
        created_at: "2026-11-21T02:00:00.000Z",
        requires: [],
      }),
    );
    this.writeOwner(1);
  }

  writeOwner(sequence: number): void {
    const at = "2026-11-21T02:00:00.000Z";
    const project_url = `https://owner-${sequence}.example`;
    this.write(logKey(sequence), JSON.stringify({ kind: "owner", sequence, at, project_url }));
  }

  override listUploads(_below: string, after?: { id: string }): Promise<UploadPage> {
    this.listings += 1;
    const from = after ? Number(after.id) + 1 : 0;
    const uploads = this.hours.slice(from, from + this.onPage)
      .map((hours, index) => ({
        key: `data/${from + index}`,
        id: `${from + index}`,
        begunAt: hoursAgo(hours),
      }));
    const more = from + this.onPage < this.hours.length;
    return Promise.resolve({ uploads, more, now: NOW });
  }

  override abortUpload(_key: string, id: string): Promise<void> {
    this.aborted.push(id);
    return Promise.resolve();
  }
}

/** Aborts orphaned uploads as a run that had uploads; rows have the ids of `known`. */
async function abortOrphaned(store: Uploads, known: readonly string[] = []): Promise<void> {
  const answers: Record<string, (parameters: Record<string, unknown>) => unknown> = {
    orphaned_uploads: () => ({ orphaned: [], began: true }),
    unknown_uploads: ({ ids }) => (ids as string[]).filter((id) => !known.includes(id)),
    known_repository: () => ({
      id: 1,
      last_record: 1,
      owner_project: null,
      unconfirmed_records: [],
    }),
  };
  const context = {
    commit: (name: string, _lease: Lease, parameters = {}) =>
      Promise.resolve(answers[name]!(parameters)),
    database: {
      call: (name: string, parameters: Record<string, unknown>) =>
        Promise.resolve(answers[name]!(parameters)),
    },
  } as unknown as SliceContext;
  await abortOrphanedUploads({ run: "the run" } as Lease, context, store);
}

Deno.test("old uploads without a row are found on all pages", async () => {
  const store = new Uploads([30, 1, 25, 23.9, 24.1, 48, 0], 2);
  await abortOrphaned(store, ["5"]);
  assert.deepEqual(store.aborted.sort(), ["0", "2", "4"]);
  assert.equal(store.listings, 4);
});

Deno.test("one run lists ten pages and aborts a hundred uploads at most", async () => {
  const store = new Uploads(Array.from({ length: 300 }, () => 30), 20);
  await abortOrphaned(store);
  assert.equal(store.listings, 10);
  assert.equal(store.aborted.length, 100);
});

Deno.test("nothing is aborted in a repository that was taken over meanwhile", async () => {
  const store = new Uploads([30], 10);
  store.writeOwner(2);
  await abortOrphaned(store);
  assert.deepEqual(store.aborted, []);
});

Deno.test("if no upload is old, the database is not queried", async () => {
  const store = new Uploads([1, 2], 10);
  store.get = () => assert.fail("the log was read");
  await abortOrphaned(store);
  assert.deepEqual(store.aborted, []);
});
