import type { StoredObject, StoredPart, StoredUpload } from "./types.ts";

/** One change of a bucket. A change is one line, so that writing it is atomic. */
export type JournalEntry =
  | { readonly created: number }
  | { readonly put: StoredObject; readonly completes?: string }
  | { readonly delete: string }
  | { readonly upload: StoredUpload }
  | { readonly uploadId: string; readonly part: StoredPart }
  | { readonly abort: string };

/** The file that persists a bucket's state: every change as a line of JSON. */
export class Journal {
  readonly #file: Deno.FsFile;
  readonly #encoder = new TextEncoder();

  private constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /** Reads all changes; none if the file is missing. An incomplete last line is ignored. */
  static async read(path: string): Promise<JournalEntry[]> {
    let text: string;
    try {
      text = await Deno.readTextFile(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
    const lines = text.split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as JournalEntry);
  }

  /** Creates a journal with these changes. It replaces an existing one. */
  static async create(path: string, entries: Iterable<JournalEntry>): Promise<Journal> {
    const partial = `${path}.partial`;
    const text = [...entries].map((entry) => `${JSON.stringify(entry)}\n`).join("");
    await Deno.writeTextFile(partial, text);
    await Deno.rename(partial, path);
    return new Journal(await Deno.open(path, { append: true }));
  }

  /** Writes a change synchronously, so that the journal keeps the order of the changes. */
  append(entry: JournalEntry): void {
    const line = this.#encoder.encode(`${JSON.stringify(entry)}\n`);
    for (let written = 0; written < line.byteLength;) {
      written += this.#file.writeSync(line.subarray(written));
    }
  }

  close(): void {
    this.#file.close();
  }
}
