import { createHash, type Hash } from "node:crypto";
import { dirname, join } from "node:path";
import { refusal } from "./errors.ts";

/** Storage uploads larger bodies to S3 in parts of this size. Their eTags then end in `-N`. */
export const PART_BYTES = 16 * 1024 * 1024;

/** Maximum length of a key in S3. Storage's keys are tenant/bucket/name/version. */
const LONGEST_KEY_BYTES = 1024;
const TENANT = "project";
const READ_BYTES = 256 * 1024;

/** The location of the bytes of one version of an object. Version is null on very old rows. */
export interface Location {
  readonly bucket: string;
  readonly name: string;
  readonly version: string | null;
}

/** The backend's metadata of bytes. It is separate from the row in PostgreSQL. */
export interface StoredFacts {
  readonly size: number;
  /** In double quotes. */
  readonly eTag: string;
  readonly mimetype: string;
  readonly cacheControl: string;
  /** ISO 8601 without fractions of a second, as S3 returns it. */
  readonly lastModified: string;
}

/** Opened bytes. They stay readable even if the object is replaced or deleted meanwhile. */
export interface OpenBytes {
  readonly facts: StoredFacts;
  /** Streams `length` bytes from `start` and closes the file. */
  stream(start: number, length: number): ReadableStream<Uint8Array<ArrayBuffer>>;
  close(): void;
}

/** Computes S3's eTag: the MD5, or for several parts the MD5 of their MD5s with `-N`. */
class ETag {
  #parts: Hash[] = [createHash("md5")];
  #inPart = 0;

  update(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#inPart === PART_BYTES) {
        this.#parts.push(createHash("md5"));
        this.#inPart = 0;
      }
      const piece = chunk.subarray(at, at + PART_BYTES - this.#inPart);
      this.#parts.at(-1)!.update(piece);
      this.#inPart += piece.length;
      at += piece.length;
    }
  }

  digest(): string {
    if (this.#parts.length === 1) return `"${this.#parts[0].digest("hex")}"`;
    const whole = createHash("md5");
    for (const part of this.#parts) whole.update(part.digest());
    return `"${whole.digest("hex")}-${this.#parts.length}"`;
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function truncateToSeconds(now: number): string {
  return new Date(Math.floor(now / 1000) * 1000).toISOString();
}

/**
 * Stores the bytes of objects as files below a folder. As in an S3 bucket, each version has a
 * separate key and never changes. A JSON file next to it has its StoredFacts.
 */
export class ByteStore {
  readonly #folder: string;

  /** `now` is the backend's clock, milliseconds since 1970. */
  constructor(folder: string, private readonly now: () => number = Date.now) {
    this.#folder = join(folder, TENANT);
  }

  /**
   * Stores a stream of bytes. If the stream fails, it removes the written bytes.
   *
   * @throws StorageError S3Error if the key is too long for S3; also the errors of `chunks`.
   */
  async write(
    location: Location,
    chunks: AsyncIterable<Uint8Array>,
    { mimetype, cacheControl }: { mimetype: string; cacheControl: string },
  ): Promise<StoredFacts> {
    const path = await this.#newPath(location);
    const eTag = new ETag();
    let size = 0;
    const file = await Deno.open(path, { write: true, createNew: true });
    try {
      for await (const chunk of chunks) {
        eTag.update(chunk);
        size += chunk.length;
        for (let at = 0; at < chunk.length;) at += await file.write(chunk.subarray(at));
      }
    } catch (error) {
      await this.remove(location);
      throw error;
    } finally {
      file.close();
    }
    return await this.#describe(path, { mimetype, cacheControl, size, eTag: eTag.digest() });
  }

  /**
   * Stores zeros as a hole in a file, which uses no disk space. It simulates objects that are
   * larger than the disk. The eTag differs from S3's.
   */
  async writeHole(
    location: Location,
    size: number,
    { mimetype, cacheControl }: { mimetype: string; cacheControl: string },
  ): Promise<StoredFacts> {
    const path = await this.#newPath(location);
    using file = await Deno.open(path, { write: true, createNew: true });
    await file.truncate(size);
    const eTag = `"${sha256(path).slice(0, 32)}-1"`;
    return await this.#describe(path, { mimetype, cacheControl, size, eTag });
  }

  /** Opens the bytes for reading; `undefined` if there are none. */
  async open(location: Location): Promise<OpenBytes | undefined> {
    const path = this.#path(location);
    const file = await unlessMissing(Deno.open(path));
    if (!file) return undefined;
    const facts = await this.facts(location);
    if (!facts) file.close();
    return facts && {
      facts,
      stream: (start, length) => streamOf(file, start, length),
      close: () => file.close(),
    };
  }

  /** The metadata of the bytes; `undefined` if there are none. */
  async facts(location: Location): Promise<StoredFacts | undefined> {
    const text = await unlessMissing(Deno.readTextFile(`${this.#path(location)}.json`));
    return text === undefined ? undefined : JSON.parse(text);
  }

  /**
   * Copies bytes within the store as S3's CopyObject does: the copy's eTag is a plain MD5 again.
   * Resolves to `undefined` if the source has no bytes.
   */
  async copy(
    from: Location,
    to: Location,
    changes: Partial<Pick<StoredFacts, "mimetype" | "cacheControl">> = {},
  ): Promise<StoredFacts | undefined> {
    const facts = await this.facts(from);
    if (!facts) return undefined;
    const path = await this.#newPath(to);
    const linked = await unlessMissing(Deno.link(this.#path(from), path).then(() => true));
    if (!linked) return undefined;
    const eTag = facts.size > PART_BYTES ? `"${await md5Of(path)}"` : facts.eTag;
    const { mimetype = facts.mimetype, cacheControl = facts.cacheControl } = changes;
    return await this.#describe(path, { size: facts.size, eTag, mimetype, cacheControl });
  }

  /** Removes bytes. Missing bytes have no effect. */
  async remove(location: Location): Promise<void> {
    const path = this.#path(location);
    await unlessMissing(Deno.remove(path));
    await unlessMissing(Deno.remove(`${path}.json`));
  }

  /** Removes all bytes. */
  async clear(): Promise<void> {
    await unlessMissing(Deno.remove(this.#folder, { recursive: true }));
  }

  /** How many versions are stored. */
  async count(): Promise<number> {
    let count = 0;
    for (const folder of await namesIn(this.#folder)) {
      const names = await namesIn(join(this.#folder, folder));
      count += names.filter((name) => !name.endsWith(".json")).length;
    }
    return count;
  }

  #path({ bucket, name, version }: Location): string {
    // Hashed, because an object's name may be too long for a file, and a bucket may be named `..`.
    return join(this.#folder, sha256(bucket), `${sha256(name)}.${version ?? "none"}`);
  }

  async #newPath(location: Location): Promise<string> {
    const { bucket, name, version } = location;
    if (`${TENANT}/${bucket}/${name}/${version}`.length > LONGEST_KEY_BYTES) {
      throw refusal.backend(400, "KeyTooLongError", "Your key is too long");
    }
    const path = this.#path(location);
    await Deno.mkdir(dirname(path), { recursive: true });
    return path;
  }

  async #describe(
    path: string,
    facts: Omit<StoredFacts, "lastModified">,
  ): Promise<StoredFacts> {
    const described = { ...facts, lastModified: truncateToSeconds(this.now()) };
    await Deno.writeTextFile(`${path}.json`, JSON.stringify(described));
    return described;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  const entries = await unlessMissing(Array.fromAsync(Deno.readDir(folder)));
  return (entries ?? []).map(({ name }) => name);
}

async function unlessMissing<Value>(value: Promise<Value>): Promise<Value | undefined> {
  try {
    return await value;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function md5Of(path: string): Promise<string> {
  const hash = createHash("md5");
  const file = await Deno.open(path);
  for await (const chunk of file.readable) hash.update(chunk);
  return hash.digest("hex");
}

function streamOf(file: Deno.FsFile, start: number, length: number) {
  let left = length;
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async start(controller) {
      if (start > 0) await file.seek(start, Deno.SeekMode.Start);
      if (left === 0) end(controller);
    },
    async pull(controller) {
      const buffer = new Uint8Array(Math.min(left, READ_BYTES));
      const read = await file.read(buffer);
      if (read === null) return end(controller);
      left -= read;
      controller.enqueue(buffer.subarray(0, read));
      if (left === 0) end(controller);
    },
    cancel: () => file.close(),
  }, { highWaterMark: 0 });

  function end(controller: ReadableStreamDefaultController) {
    file.close();
    controller.close();
  }
}
