import assert from "node:assert/strict";
import type { Database } from "../../../../../../supabase/functions/_holdfast/lib/database.ts";
import type {
  ByteRange,
  ObjectReader,
  StorageRead,
} from "../../../../../../supabase/functions/_holdfast/project/storage_reader.ts";
import type {
  ObjectLocation,
  ObjectWriter,
  WriteOutcome,
} from "../../../../../../supabase/functions/_holdfast/project/storage_writer.ts";
import { restoreEntry } from "../../../../../../supabase/functions/_holdfast/jobs/restore/restore_object.ts";
import type {
  RestoreItem,
  TargetObject,
} from "../../../../../../supabase/functions/_holdfast/jobs/restore/types.ts";
import type { RestoreContext } from "../../../../../../supabase/functions/_holdfast/jobs/restore/upload_blob.ts";
import { MemoryStore } from "../../../memory_store.ts";
import { TestClock } from "../../../test_clock.ts";
import { heldItem } from "./held_item.ts";

/** The blob's bytes. */
export const BLOB = "what was backed up";
/** Their key in the repository. */
export const KEY = "data/b/n/v";

/** The entry that is restored. */
export const ITEM: RestoreItem = heldItem(BLOB, { key: KEY });

/** What Storage says of bytes that it lacks. */
export const MISSING: StorageRead = { kind: "missing" };
/** The same of Storage over files. */
export const INTERNAL: StorageRead = { kind: "failed", message: "HTTP 500", internal: true };

/** A project's Storage: what lies where, and each write that was asked of it. */
export class Target implements ObjectReader, ObjectWriter, Database {
  readonly objects = new Map<string, { bytes: string; version: string; owner?: string }>();
  readonly writes: string[] = [];
  readonly reads: string[] = [];
  /** By version. */
  readonly #lost = new Map<string, StorageRead>();
  afterRead: () => void = () => {};
  /** What becomes of the bytes of an upload. */
  corrupt = (bytes: string) => bytes;
  /** Whether it takes and gives other objects. */
  well = true;
  #made = 0;

  /** What a place has to give; undefined where there is no object, or its bytes are lost. */
  bytes(location: string): string | undefined {
    const object = this.objects.get(location);
    return object && !this.#lost.has(object.version) ? object.bytes : undefined;
  }

  /** Without an owner it is as the restore puts it. */
  location(bucket: string, name: string, bytes: string, owner?: string): string {
    const version = `made ${++this.#made}`;
    this.objects.set(`${bucket}/${name}`, { bytes, version, ...(owner && { owner }) });
    return version;
  }

  async upload(
    bucket: string,
    name: string,
    body: () => Promise<Uint8Array<ArrayBuffer> | ReadableStream | undefined>,
    { upsert }: { upsert: boolean },
  ): Promise<WriteOutcome> {
    const sent = await body();
    if (sent === undefined) return { kind: "exists" };
    this.writes.push(`${upsert ? "overwrite" : "create"} ${bucket}/${name}`);
    const bytes = new TextDecoder().decode(sent as Uint8Array);
    if (!upsert && this.objects.has(`${bucket}/${name}`)) return { kind: "exists" } as const;
    this.location(bucket, name, this.corrupt(bytes));
    return { kind: "done" } as const;
  }

  move(from: ObjectLocation, to: ObjectLocation) {
    this.writes.push(`move to ${to.bucket}/${to.name}`);
    const moved = this.objects.get(`${from.bucket}/${from.name}`)!;
    if (this.objects.has(`${to.bucket}/${to.name}`)) {
      return Promise.resolve({ kind: "exists" } as const);
    }
    this.objects.delete(`${from.bucket}/${from.name}`);
    this.location(to.bucket, to.name, moved.bytes);
    return Promise.resolve({ kind: "done" } as const);
  }

  /** Takes the bytes of an object away, and leaves its row; how Storage then answers. */
  lose(bucket: string, name: string, answer: StorageRead): void {
    this.#lost.set(this.objects.get(`${bucket}/${name}`)!.version, answer);
  }

  read(bucket: string, name: string, range?: ByteRange): Promise<StorageRead> {
    const location = `${bucket}/${name}`;
    this.reads.push(range ? `${location} ${range.first}-${range.last}` : location);
    const object = this.objects.get(location);
    const lost = object && this.#lost.get(object.version);
    this.afterRead();
    if (!object || lost) return Promise.resolve(lost ?? MISSING);
    const response = new Response(object.bytes);
    return Promise.resolve({ kind: "bytes", response, etag: "", fresh: true });
  }

  call<Result>(name: string, { bucket_id, name: of }: Record<string, unknown>): Promise<Result> {
    assert.equal(name, "object_now");
    const { version, bytes, owner = null } = this.objects.get(`${bucket_id}/${of}`) ?? {};
    const metadata = { owner_id: owner, user_metadata: {} };
    const row = version && { version, size: bytes!.length, etag: null, metadata };
    return Promise.resolve((row ?? null) as Result);
  }

  createBucket(): never {
    throw new Error("no part of an entry");
  }

  dropBucket(): never {
    throw new Error("a restore deletes nothing");
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Bytes as they come where one was flipped on its way. */
export const flipped = (bytes: string) => `${bytes.slice(0, -1)}~`;

/** How the target stands to the entry, and what is asked for. */
export interface Case {
  /** Whether its row says what the snapshot says, its times of change left out. */
  same_metadata?: boolean;
  /** What lies under the name: nothing, the blob's bytes or others. */
  there: "nothing" | "same" | "other";
  overwrite: "never" | "if_changed" | "always";
  held: boolean;
  direct: boolean;
  right?: boolean;
  of_this_run?: boolean;
  adds_no_metadata?: boolean;
  intent_recorded?: boolean;
  reassigned?: boolean;
}

/** The outside of an entry: this target, and a repository in memory. */
export function outsideOf(target: Target, store: MemoryStore): RestoreContext {
  const recordIntent = ({ bucket, name }: ObjectLocation, { version }: { version: string }) => {
    const same = target.objects.get(`${bucket}/${name}`)?.version === version;
    return Promise.resolve(same);
  };
  return {
    clock: new TestClock(),
    store,
    reader: target,
    writer: target,
    storageIsHealthy: () => Promise.resolve(target.well),
    database: target,
    recordIntent,
    attempts: 1,
  };
}

/** Restores the entry, once `change` has done its part; what came of it. */
export async function restore(
  given: Case,
  change: (target: Target, store: MemoryStore) => void = () => {},
  attempts = 1,
) {
  const [target, store] = [new Target(), new MemoryStore()];
  store.write(KEY, BLOB);
  let known: TargetObject | null = null;
  if (given.there !== "nothing") {
    const version = target.location("b", "n", given.there === "same" ? BLOB : "others' bytes");
    known = {
      version,
      size: 1,
      etag: null,
      intent_recorded: given.intent_recorded ?? false,
      right: given.right ?? false,
      same_metadata: given.same_metadata ?? false,
      of_this_run: given.of_this_run ?? false,
      adds_no_metadata: given.adds_no_metadata ?? false,
      held: given.held,
    };
  }
  change(target, store);
  const { overwrite, direct } = given;
  const result = await restoreEntry(
    { ...ITEM, target: known, reassigned: given.reassigned ?? false },
    { overwrite, scratch: "scratch", direct: () => direct },
    { ...outsideOf(target, store), attempts },
  );
  return { result, target, there: target.bytes("b/n") };
}
