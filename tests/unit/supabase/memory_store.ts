import type {
  KeyPage,
  OpenUpload,
  RepositoryStore,
  UploadPage,
} from "../../../supabase/functions/_holdfast/destinations/store.ts";

/** A repository in memory, for code that reads and writes complete objects. */
export class MemoryStore implements RepositoryStore {
  readonly objects = new Map<string, Uint8Array<ArrayBuffer>>();
  /** The number of keys in one page of a listing. */
  pageKeys = 1_000;
  /** Whether a put to an existing key is refused. */
  conditional = true;

  /** Writes a text and overwrites an existing object. */
  write(key: string, text: string): void {
    this.objects.set(key, new TextEncoder().encode(text));
  }

  /** The text of an object. */
  read(key: string): string | undefined {
    const bytes = this.objects.get(key);
    return bytes && new TextDecoder().decode(bytes);
  }

  get(key: string, _maxBytes: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    // A reader may transfer the buffer, so each reader gets a copy.
    return Promise.resolve(this.objects.get(key)?.slice());
  }

  head(key: string) {
    const bytes = this.objects.get(key);
    return Promise.resolve(bytes && { size: bytes.length, etag: "", sha256: undefined });
  }

  put(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<"stored" | "exists"> {
    if (this.conditional && this.objects.has(key)) return Promise.resolve("exists");
    this.objects.set(key, bytes);
    return Promise.resolve("stored");
  }

  list(prefix: string, startAfter = ""): Promise<KeyPage> {
    const keys = [...this.objects.keys()].sort()
      .filter((key) => key.startsWith(prefix) && key > startAfter);
    return Promise.resolve({
      keys: keys.slice(0, this.pageKeys),
      more: keys.length > this.pageKeys,
    });
  }

  open(): never {
    throw new Error("not in memory");
  }

  beginUpload(): never {
    return this.open();
  }

  putPart(): never {
    return this.open();
  }

  completeUpload(): never {
    return this.open();
  }

  hasUpload(): never {
    return this.open();
  }

  abortUpload(_key: string, _id: string): Promise<void> {
    return this.open();
  }

  listUploads(_below: string, _after?: Pick<OpenUpload, "key" | "id">): Promise<UploadPage> {
    return this.open();
  }
}
