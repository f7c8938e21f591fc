import { Buffer } from "node:buffer";
import { join } from "node:path";
import type { Segment } from "./types.ts";

/** Bodies up to this size are buffered and written at once. Larger ones are written in steps. */
const COLLECTED_BYTES = 1024 * 1024;

/** Size of one read from a file. */
const READ_BYTES = 256 * 1024;

/** Receives one body. It is not visible before `commit`. */
export interface BodyWriter {
  write(chunk: Uint8Array): Promise<void>;
  /** Publishes the bytes. They are freed unless the caller retains them. */
  commit(): Promise<Segment>;
  /** Discards the bytes. It has no effect after `commit`. */
  discard(): Promise<void>;
}

/**
 * The files with a bucket's bytes, each with a unique id.
 *
 * The class counts the references to a file by objects, parts and readers, and removes a file
 * without references. So a copy shares the bytes of its source, and a reader can always read to the
 * end.
 */
export class Bodies {
  readonly #counts = new Map<string, number>();

  private constructor(readonly directory: string) {}

  /** Opens a folder, creates it if missing, and removes files that are not in `known`. */
  static async open(directory: string, known: Iterable<Segment>): Promise<Bodies> {
    const bodies = new Bodies(directory);
    for (const segment of known) bodies.retain(segment);
    await Deno.remove(join(directory, "incoming"), { recursive: true }).catch(ignoreNotFound);
    await Deno.mkdir(join(directory, "incoming"), { recursive: true });
    await Deno.mkdir(join(directory, "whole"), { recursive: true });
    for await (const file of Deno.readDir(join(directory, "whole"))) {
      if (!bodies.#counts.has(file.name)) await Deno.remove(bodies.path(file.name));
    }
    return bodies;
  }

  /** The path of a committed file. */
  path(id: string): string {
    return join(this.directory, "whole", id);
  }

  retain(segment: Segment): void {
    this.#counts.set(segment.id, (this.#counts.get(segment.id) ?? 0) + 1);
  }

  release(segment: Segment): void {
    const count = (this.#counts.get(segment.id) ?? 0) - 1;
    if (count > 0) {
      this.#counts.set(segment.id, count);
      return;
    }
    this.#counts.delete(segment.id);
    try {
      Deno.removeSync(this.path(segment.id));
    } catch (error) {
      ignoreNotFound(error);
    }
  }

  create(): BodyWriter {
    const id = crypto.randomUUID().replaceAll("-", "");
    return new FileWriter(id, join(this.directory, "incoming", id), this.path(id));
  }

  /**
   * Reads `[start, end)` of the concatenated segments. The caller must retain them meanwhile.
   *
   * @throws Error if a file is shorter than its segment.
   */
  async *read(
    segments: readonly Segment[],
    start: number,
    end: number,
  ): AsyncGenerator<Uint8Array, void> {
    let offset = 0;
    for (const segment of segments) {
      const from = Math.max(start - offset, 0);
      const to = Math.min(end - offset, segment.bytes);
      if (from < to) yield* readFile(this.path(segment.id), from, to);
      offset += segment.bytes;
      if (offset >= end) return;
    }
  }
}

async function* readFile(path: string, start: number, end: number) {
  using file = await Deno.open(path);
  if (start > 0) await file.seek(start, Deno.SeekMode.Start);
  let left = end - start;
  while (left > 0) {
    const buffer = new Uint8Array(Math.min(left, READ_BYTES));
    const count = await file.read(buffer);
    if (count === null) throw new Error(`${path} ends ${left} bytes early`);
    left -= count;
    yield buffer.subarray(0, count);
  }
}

class FileWriter implements BodyWriter {
  #chunks: Uint8Array[] = [];
  #collected = 0;
  #bytes = 0;
  #file: Deno.FsFile | undefined;
  #committed = false;

  constructor(
    readonly id: string,
    readonly incoming: string,
    readonly target: string,
  ) {}

  async write(chunk: Uint8Array): Promise<void> {
    this.#chunks.push(chunk);
    this.#collected += chunk.byteLength;
    this.#bytes += chunk.byteLength;
    if (this.#collected <= COLLECTED_BYTES) return;
    this.#file ??= await Deno.open(this.incoming, { write: true, createNew: true });
    await this.#flush(this.#file);
  }

  async #flush(file: Deno.FsFile): Promise<void> {
    for (const chunk of this.#chunks) {
      for (let written = 0; written < chunk.byteLength;) {
        written += await file.write(chunk.subarray(written));
      }
    }
    this.#chunks = [];
    this.#collected = 0;
  }

  async commit(): Promise<Segment> {
    if (this.#file === undefined) {
      const whole = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
      await Deno.writeFile(this.incoming, whole);
    } else {
      await this.#flush(this.#file);
      this.#file.close();
      this.#file = undefined;
    }
    await Deno.rename(this.incoming, this.target);
    this.#committed = true;
    return { id: this.id, bytes: this.#bytes };
  }

  async discard(): Promise<void> {
    if (this.#committed) return;
    this.#file?.close();
    this.#file = undefined;
    this.#chunks = [];
    await Deno.remove(this.incoming).catch(ignoreNotFound);
  }
}

function ignoreNotFound(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
