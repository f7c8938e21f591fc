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
/** The blob's key in the repository. */
export const KEY = "data/b/n/v";

/** The entry that is restored. */
export const ITEM: RestoreItem = heldItem(BLOB, { key: KEY });

/** Storage's response for missing bytes. */
export const MISSING: StorageRead = { kind: "missing" };
/** The same response of a Storage with a file backend. */
export const INTERNAL: StorageRead = { kind: "failed", message: "HTTP 500", internal: true };

/** A project's Storage: its objects, and each write that was requested. */
export class Target implements ObjectReader, ObjectWriter, Database {
  readonly objects = new Map<string, { bytes: string; version: string; owner?: string }>();
  readonly writes: string[] = [];
  readonly reads: string[] = [];
  /** The responses for objects with lost bytes, by version. */
  readonly #lost = new Map<string, StorageRead>();
  afterRead: () => void = () => {};
  /** Changes the bytes of an upload. */
  corrupt = (bytes: string) => bytes;
  /** Whether the probe can write and read an object. */
  well = true;
  #made = 0;

  /** The bytes at a location; undefined if there is no object or its bytes are lost. */
  bytes(location: string): string | undefined {
    const object = this.objects.get(location);
    return object && !this.#lost.has(object.version) ? object.bytes : undefined;
  }

  /** Stores an object and returns its version. The restore uploads without an owner. */
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

  /** Deletes an object's bytes and keeps its row. Storage then sends this response. */
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

/** The bytes with the last one flipped in transit. */
export const flipped = (bytes: string) => `${bytes.slice(0, -1)}~`;

/** The state of the target before the restore, and the options of the restore. */
export interface Case {
  /** Whether its row has the snapshot's metadata, except the times. */
  same_metadata?: boolean;
  /** The object at the name: none, one with the blob's bytes, or another. */
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

/** The context of a restore with this target and a repository in memory. */
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

/** Restores the entry after `change`. Returns the result and the object's bytes afterwards. */
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
