import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";

/**
 * A reader of Holdfast's repository format, written from docs/FORMAT.md alone. It shares no code
 * with Holdfast, and verifies every digest, size and reference.
 */

/** The source of a repository's objects; keys include the prefix. */
export interface KeyValueSource {
  keys(prefix: string): Promise<string[]>;
  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
}

/** A record of the log. */
export interface LogRecord {
  kind: string;
  sequence: number;
  at: string;
  project_url: string;
  snapshot?: string;
  sha256?: string;
}

/** A snapshot's reference to a part of its listing. */
export interface PartReference {
  key: string;
  kind: "full" | "changes";
  sequence: number;
  entries: number;
  bytes: number;
}

/** snapshots/<id>.json */
export interface SnapshotDocument {
  format: number;
  requires: string[];
  id: string;
  sequence: number;
  repository_id: string;
  project_url: string;
  state: "complete" | "partial";
  started_at: string;
  sealed_at: string;
  parts: PartReference[];
  buckets: Record<string, unknown>[];
  policies: Record<string, unknown>[];
  totals: {
    objects: number;
    bytes: number;
    unavailable: number;
    failed: number;
    stale: number;
    assumed: number;
  };
}

/** A line of a listing that puts an entry. */
export interface Entry {
  bucket: string;
  name: string;
  id: string | null;
  version: string;
  key?: string;
  size?: number;
  sha256?: string;
  part_size?: number;
  assumed?: boolean;
  wanted_version?: string;
  code?: string;
  type: string | null;
  cache_control: string | null;
  user_metadata: unknown;
  /** JSON text of the user metadata; replaces `user_metadata` if that is nested deeply. */
  user_metadata_text?: string;
  owner_id: string | null;
  created_at: string | null;
  updated_at: string | null;
  etag: string | null;
}

/** A snapshot with its entries by `bucket/name`. A bucket's id has no slash. */
export interface Snapshot {
  document: SnapshotDocument;
  entries: Map<string, Entry>;
}

/** A fault in a repository, with the affected key. */
export class RepositoryFault extends Error {
  override name = "RepositoryFault";

  constructor(readonly key: string, message: string) {
    super(`${key}: ${message}`);
  }
}

/** Reads one repository: a prefix of a bucket, without a trailing slash. */
export class RepositoryReader {
  constructor(readonly source: KeyValueSource, readonly prefix: string = "holdfast") {}

  /** Reads holdfast.json and verifies its fields. */
  async identity(): Promise<{ format: number; repository_id: string; requires: string[] }> {
    const identity = await this.#json("holdfast.json");
    const { format, repository_id: id, requires } = identity;
    if (format !== 1) throw new RepositoryFault("holdfast.json", `format ${format}`);
    if (typeof id !== "string" || !UUID.test(id)) {
      throw new RepositoryFault("holdfast.json", `repository_id ${id}`);
    }
    if (!Array.isArray(requires) || requires.length > 0) {
      throw new RepositoryFault("holdfast.json", `requires ${JSON.stringify(requires)}`);
    }
    return { format, repository_id: id, requires: [] };
  }

  /** Reads the log in order, and verifies each record against its key. */
  async log(): Promise<LogRecord[]> {
    const keys = await this.keys("log/");
    const records: LogRecord[] = [];
    for (const key of keys) {
      if (!/^log\/\d{16}\.json$/.test(key)) throw new RepositoryFault(key, "no key of a record");
      const record = await this.#json(key) as unknown as LogRecord;
      if (record.sequence !== Number(key.slice(4, 20))) {
        throw new RepositoryFault(key, `says sequence ${record.sequence}`);
      }
      records.push(record);
    }
    if (records[0] && records[0].kind !== "owner") {
      throw new RepositoryFault(keys[0]!, "the log does not begin with an owner");
    }
    return records;
  }

  /** The ids of the sealed snapshots, oldest first, read from the log only. */
  async snapshotIds(): Promise<string[]> {
    return (await this.log()).flatMap(({ kind, snapshot }) =>
      kind === "snapshot" && snapshot ? [snapshot] : []
    );
  }

  /** Reads a snapshot by its id, or the newest one, and verifies all digests and totals. */
  async snapshot(id?: string): Promise<Snapshot> {
    const records = (await this.log()).filter(({ kind }) => kind === "snapshot");
    const record = records.findLast(({ snapshot }) => id === undefined || snapshot === id);
    if (!record) throw new RepositoryFault("log/", `no record of ${id ?? "any snapshot"}`);
    const document = await this.#snapshotDocument(record);
    const entries = new Map<string, Entry>();
    checkPartOrder(document);
    for (const part of document.parts) await this.#applyPart(part, entries);
    const totals = totalsOf(entries);
    const { unavailable, failed, ...stated } = document.totals;
    const all = { ...stated, without_bytes: unavailable + failed };
    for (const name of Object.keys(totals) as (keyof typeof totals)[]) {
      if (totals[name] === all[name]) continue;
      throw new RepositoryFault(document.id, `${name}: ${all[name]}, ${totals[name]}`);
    }
    return { document, entries };
  }

  /** Reads the bytes of an entry, and verifies them against its size and digest. */
  async bytes(entry: Entry): Promise<Uint8Array<ArrayBuffer>> {
    const { key, size, sha256, part_size: partSize } = entry;
    if (key === undefined) throw new RepositoryFault(entry.name, "holds no bytes");
    if (!key.startsWith("data/") || key.split("/").some((it) => ["", ".", ".."].includes(it))) {
      throw new RepositoryFault(key, "no key of data");
    }
    const bytes = await this.#get(key);
    if (bytes.length !== size) throw new RepositoryFault(key, `${bytes.length} bytes, not ${size}`);
    const digest = partSize === undefined ? digestOf(bytes) : compositeDigestOf(bytes, partSize);
    if (digest !== sha256) throw new RepositoryFault(key, `digest ${digest}, not ${sha256}`);
    return bytes;
  }

  /** Keys below the prefix, relative to it. */
  async keys(prefix = ""): Promise<string[]> {
    const keys = await this.source.keys(`${this.prefix}/${prefix}`);
    return keys.map((key) => key.slice(this.prefix.length + 1));
  }

  async #snapshotDocument(record: LogRecord): Promise<SnapshotDocument> {
    const key = `snapshots/${record.snapshot}.json`;
    const bytes = await this.#get(key);
    if (digestOf(bytes) !== record.sha256) {
      throw new RepositoryFault(key, "is not what its record says");
    }
    const document = JSON.parse(new TextDecoder().decode(bytes)) as SnapshotDocument;
    const { repository_id: id } = await this.identity();
    if (
      document.format !== 1 || document.requires.length > 0 || document.repository_id !== id ||
      document.id !== record.snapshot || document.sequence !== record.sequence ||
      document.project_url !== record.project_url
    ) throw new RepositoryFault(key, "contradicts its record or holdfast.json");
    return document;
  }

  async #applyPart(part: PartReference, entries: Map<string, Entry>): Promise<void> {
    const compressed = await this.#get(part.key);
    if (part.key !== `lists/${digestOf(compressed)}.ndjson.gz`) {
      throw new RepositoryFault(part.key, "is not named by its digest");
    }
    const text = new TextDecoder("utf-8", { fatal: true }).decode(gunzipSync(compressed));
    const lines = text.split("\n");
    if (lines.pop() !== "") throw new RepositoryFault(part.key, "its last line has no end");
    if (lines.length !== part.entries || compressed.length !== part.bytes) {
      throw new RepositoryFault(part.key, "is not as long as the snapshot says");
    }
    let before: [string, string] | undefined;
    for (const line of lines) {
      const { op, ...entry } = JSON.parse(line) as Entry & { op: string };
      const location = `${entry.bucket}/${entry.name}`;
      if (before && compareLocations(before, [entry.bucket, entry.name]) >= 0) {
        throw new RepositoryFault(part.key, `${location} is out of order`);
      }
      before = [entry.bucket, entry.name];
      if (op === "put") entries.set(location, entry);
      else if (op !== "remove" || part.kind === "full" || !entries.delete(location)) {
        throw new RepositoryFault(part.key, `can't ${op} ${location}`);
      }
    }
  }

  async #json(key: string): Promise<Record<string, unknown>> {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(await this.#get(key)));
  }

  async #get(key: string): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.source.get(`${this.prefix}/${key}`);
    if (!bytes) throw new RepositoryFault(key, "is named and not there");
    return bytes;
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Verifies that full parts precede changes, and that sequences ascend up to the snapshot's. */
function checkPartOrder({ id, parts, sequence }: SnapshotDocument): void {
  const order = parts.map((part) => (part.kind === "full" ? 0 : 1e12) + part.sequence);
  const isSorted = order.every((value, index) => index === 0 || order[index - 1]! <= value);
  const isBounded = parts.every((part) => part.sequence <= sequence);
  if (!isSorted || !isBounded) throw new RepositoryFault(id, "its parts are out of order");
}

/** The totals of the entries. The reasons for missing bytes are not counted. */
function totalsOf(entries: Map<string, Entry>) {
  const totals = { objects: 0, bytes: 0, without_bytes: 0, stale: 0, assumed: 0 };
  for (const entry of entries.values()) {
    totals.objects += 1;
    totals.bytes += entry.size ?? 0;
    if (entry.key === undefined) totals.without_bytes += 1;
    else if (entry.wanted_version !== undefined) totals.stale += 1;
    if (entry.assumed) totals.assumed += 1;
  }
  return totals;
}

function compareLocations(one: [string, string], other: [string, string]): number {
  return compareBytes(one[0], other[0]) || compareBytes(one[1], other[1]);
}

function compareBytes(one: string, other: string): number {
  const [a, b] = [new TextEncoder().encode(one), new TextEncoder().encode(other)];
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at < 0 ? a.length - b.length : (a[at] ?? -1) - (b[at] ?? -1);
}

/** SHA-256 in hex. */
export function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The composite digest of docs/FORMAT.md. */
function compositeDigestOf(bytes: Uint8Array, partSize: number): string {
  const whole = createHash("sha256");
  for (let start = 0; start < bytes.length; start += partSize) {
    const part = bytes.subarray(start, start + partSize);
    whole.update(createHash("sha256").update(part).digest());
  }
  return whole.digest("hex");
}
