import { compareUtf8, SortedKeys } from "../sorted_keys.ts";
import type { JournalEntry } from "./journal.ts";
import type { Segment, StoredObject, StoredPart, StoredUpload } from "./types.ts";

/** An upload and its parts so far. */
export interface UploadState {
  readonly upload: StoredUpload;
  readonly parts: Map<number, StoredPart>;
}

/** Segments that a change adds a reference to, and segments that it removes a reference from. */
export interface SegmentChanges {
  readonly added: readonly Segment[];
  readonly dropped: readonly Segment[];
}

/** The state of a bucket in memory. Only journal entries change it. */
export class BucketState {
  created = 0;
  readonly objects = new Map<string, StoredObject>();
  readonly uploads = new Map<string, UploadState>();
  readonly keys = new SortedKeys();

  /** The state after these changes. */
  static replay(entries: Iterable<JournalEntry>): BucketState {
    const state = new BucketState();
    for (const entry of entries) state.#change(entry);
    state.keys.load(state.objects.keys());
    return state;
  }

  /** Applies a change. */
  apply(entry: JournalEntry): SegmentChanges {
    const changes = this.#change(entry);
    if ("put" in entry) this.keys.add(entry.put.key);
    if ("delete" in entry) this.keys.delete(entry.delete);
    return changes;
  }

  #change(entry: JournalEntry): SegmentChanges {
    if ("created" in entry) {
      this.created = entry.created;
      return { added: [], dropped: [] };
    }
    if ("put" in entry) {
      const replaced = this.objects.get(entry.put.key)?.segments ?? [];
      this.objects.set(entry.put.key, entry.put);
      const parts = entry.completes === undefined ? [] : this.#removeUpload(entry.completes);
      return { added: entry.put.segments, dropped: [...replaced, ...parts] };
    }
    if ("delete" in entry) {
      const dropped = this.objects.get(entry.delete)?.segments ?? [];
      this.objects.delete(entry.delete);
      return { added: [], dropped };
    }
    if ("upload" in entry) {
      this.uploads.set(entry.upload.id, { upload: entry.upload, parts: new Map() });
      return { added: [], dropped: [] };
    }
    if ("part" in entry) return this.#putPart(entry.uploadId, entry.part);
    return { added: [], dropped: this.#removeUpload(entry.abort) };
  }

  #putPart(uploadId: string, part: StoredPart): SegmentChanges {
    const parts = this.uploads.get(uploadId)?.parts;
    if (parts === undefined) throw new Error(`part of an upload that is not there: ${uploadId}`);
    const replaced = parts.get(part.number);
    parts.set(part.number, part);
    return { added: [part.segment], dropped: replaced ? [replaced.segment] : [] };
  }

  #removeUpload(id: string): Segment[] {
    const parts = this.uploads.get(id)?.parts.values() ?? [];
    this.uploads.delete(id);
    return [...parts].map((part) => part.segment);
  }

  /** The shortest journal that results in this state. */
  *entries(): Generator<JournalEntry> {
    yield { created: this.created };
    for (const put of this.objects.values()) yield { put };
    for (const { upload, parts } of this.uploads.values()) {
      yield { upload };
      for (const part of parts.values()) yield { uploadId: upload.id, part };
    }
  }

  /** The segments of all objects and parts, once for each reference. */
  *segments(): Generator<Segment> {
    for (const object of this.objects.values()) yield* object.segments;
    for (const { parts } of this.uploads.values()) {
      for (const part of parts.values()) yield part.segment;
    }
  }

  /** Moves the start times of all uploads into the past, until the server restarts. */
  ageUploads(milliseconds: number): void {
    for (const [id, { upload, parts }] of this.uploads) {
      const initiated = upload.initiated - milliseconds;
      this.uploads.set(id, { upload: { ...upload, initiated }, parts });
    }
  }

  /** Uploads in S3's order: by key, then by start time. */
  sortedUploads(): StoredUpload[] {
    const uploads = [...this.uploads.values()].map((state) => state.upload);
    return uploads.sort((a, b) =>
      compareUtf8(a.key, b.key) || a.initiated - b.initiated || compareUtf8(a.id, b.id)
    );
  }
}
