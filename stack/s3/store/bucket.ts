import { join } from "node:path";
import { S3Error } from "../errors.ts";
import { Bodies, type BodyWriter } from "./bodies.ts";
import { Journal, type JournalEntry } from "./journal.ts";
import { BucketState, type UploadState } from "./state.ts";
import type { Segment, StoredObject, StoredPart, StoredUpload } from "./types.ts";

/** A condition on the object at a key. It is checked atomically with the change. */
export type Precondition = (existing: StoredObject | undefined) => void;

/**
 * A bucket: its state in memory, its journal and its files of bytes.
 *
 * No change has an await between its check and its effect. So exactly one of several concurrent
 * writers with If-None-Match succeeds.
 */
export class Bucket {
  private constructor(
    readonly name: string,
    readonly state: BucketState,
    readonly bodies: Bodies,
    readonly journal: Journal,
  ) {}

  /** Opens the bucket in a folder, or creates a new one if the folder is missing. */
  static async open(name: string, directory: string): Promise<Bucket> {
    await Deno.mkdir(directory, { recursive: true });
    const path = join(directory, "journal.ndjson");
    const entries = await Journal.read(path);
    const state = BucketState.replay(entries.length > 0 ? entries : [{ created: Date.now() }]);
    const bodies = await Bodies.open(join(directory, "bodies"), state.segments());
    return new Bucket(name, state, bodies, await Journal.create(path, state.entries()));
  }

  close(): void {
    this.journal.close();
  }

  get isEmpty(): boolean {
    return this.state.objects.size === 0 && this.state.uploads.size === 0;
  }

  /** @throws {S3Error} NoSuchKey */
  object(key: string): StoredObject {
    const object = this.state.objects.get(key);
    if (object === undefined) throw new S3Error("NoSuchKey", undefined, { Key: key });
    return object;
  }

  /** @throws {S3Error} NoSuchUpload, also for the upload of a different key */
  upload(id: string, key: string): UploadState {
    const found = this.state.uploads.get(id);
    if (found?.upload.key !== key) throw new S3Error("NoSuchUpload", undefined, { UploadId: id });
    return found;
  }

  /** Publishes an object. `completes` names the upload that it replaces, if any. */
  put(put: StoredObject, precondition: Precondition, completes?: string): void {
    precondition(this.state.objects.get(put.key));
    if (completes !== undefined) this.upload(completes, put.key);
    this.#change({ put, completes });
  }

  delete(key: string): void {
    if (this.state.objects.has(key)) this.#change({ delete: key });
  }

  beginUpload(upload: StoredUpload): void {
    this.#change({ upload });
  }

  /** @throws {S3Error} NoSuchUpload if the upload has ended meanwhile */
  putPart(uploadId: string, key: string, part: StoredPart): void {
    this.upload(uploadId, key);
    this.#change({ uploadId, part });
  }

  abortUpload(id: string, key: string): void {
    this.upload(id, key);
    this.#change({ abort: id });
  }

  #change(entry: JournalEntry): void {
    this.journal.append(entry);
    const { added, dropped } = this.state.apply(entry);
    for (const segment of added) this.bodies.retain(segment);
    for (const segment of dropped) this.bodies.release(segment);
  }

  /**
   * Passes a writer to `use` and the committed segment to `publish`. If either fails, it discards
   * the bytes.
   */
  async receive<Received>(
    use: (writer: BodyWriter) => Promise<Received>,
    publish: (segment: Segment, received: Received) => void,
  ): Promise<void> {
    const writer = this.bodies.create();
    try {
      const received = await use(writer);
      const segment = await writer.commit();
      this.bodies.retain(segment);
      try {
        publish(segment, received);
      } finally {
        this.bodies.release(segment);
      }
    } finally {
      await writer.discard();
    }
  }
}
