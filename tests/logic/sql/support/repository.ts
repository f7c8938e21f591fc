import assert from "node:assert/strict";
import type {
  PartReference,
  SnapshotDocument as Sealed,
} from "../../../../stack/repository_reader.ts";

/** A part as snapshot.json lists it. */
export type ListPart = Pick<PartReference, "key" | "kind" | "entries">;

/** The fields of snapshot.json that these tests read. */
export type SnapshotDocument =
  & Pick<Sealed, "id" | "sequence" | "state" | "totals" | "policies">
  & { parts: ListPart[]; buckets: { id: string }[] };

/** A line of a listing. */
export interface ListLine {
  op: "put" | "remove";
  bucket: string;
  name: string;
  version?: string;
  key?: string;
  size?: number;
  assumed?: boolean;
  wanted_version?: string;
  code?: string;
  user_metadata?: unknown;
}

/** A repository in memory with the objects that a run's slices would put into the bucket. */
export class Repository {
  readonly id = crypto.randomUUID();
  readonly #parts = new Map<string, string>();

  /** The facts that the prepare stage determines. */
  facts() {
    return {
      repository_id: this.id,
      endpoint: "https://s3.example.com",
      bucket: "backups",
      prefix: "project",
      format_version: 1,
      owner_project: "https://project.example.com",
      last_record: 0,
      conditional_writes: true,
    };
  }

  putPart(kind: ListPart["kind"], text: string): ListPart {
    const key = `lists/${this.#parts.size}`;
    this.#parts.set(key, text);
    return { key, kind, entries: text.split("\n").length };
  }

  /** The lines of one part. */
  part(key: string): ListLine[] {
    const text = this.#parts.get(key);
    if (text === undefined) throw new Error(`there is no part ${key}`);
    return text.split("\n").map((line) => JSON.parse(line));
  }

  /** The objects of a snapshot by bucket/name, read from the bucket alone. */
  read(snapshot: SnapshotDocument): Map<string, ListLine> {
    const found = new Map<string, ListLine>();
    for (const part of snapshot.parts) {
      for (const line of this.part(part.key)) {
        const path = `${line.bucket}/${line.name}`;
        if (line.op === "put") found.set(path, line);
        else assert.ok(found.delete(path), `${path} is removed and was not there`);
      }
    }
    assertTotals(snapshot.totals, [...found.values()]);
    return found;
  }
}

/** Asserts that the totals match the lines. */
function assertTotals(totals: SnapshotDocument["totals"], lines: ListLine[]): void {
  const count = (has: (line: ListLine) => boolean) => lines.filter(has).length;
  const { unavailable, failed, ...rest } = totals;
  assert.deepEqual(rest, {
    objects: lines.length,
    bytes: lines.reduce((sum, line) => sum + (line.size ?? 0), 0),
    stale: count((line) => line.key !== undefined && line.wanted_version !== undefined),
    assumed: count((line) => line.assumed === true),
  });
  assert.equal(unavailable + failed, count((line) => line.key === undefined));
}
