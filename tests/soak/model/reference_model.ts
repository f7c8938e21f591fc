import type { ObjectRow } from "../../support/project_reader.ts";

/**
 * When something happened: not before `after`, not after `before`. In milliseconds since 1970, measured
 * around the call that did it.
 */
export interface Moment {
  readonly after: number;
  readonly before: number;
}

/** A state of an object at a path, from one change to the next. */
export interface ObjectState {
  readonly row: ObjectRow;
  /** The digest of the uploaded bytes. */
  readonly sha256: string;
  readonly from: Moment;
  /** The end; absent while the state lasts. */
  to?: Moment;
  /** Since when Storage has its row but not its bytes. */
  bytesLost?: Moment;
}

/** All states of an object. Its id stays the same when it is overwritten or moved. */
export interface ObjectLife {
  readonly id: string;
  readonly states: ObjectState[];
  /** When it was created. */
  readonly born: Moment;
  /** When it was deleted; absent while it exists. */
  deleted?: Moment;
}

/** A bucket, from its creation to its deletion. */
export interface BucketLife {
  readonly id: string;
  readonly born: Moment;
  deleted?: Moment;
}

/** The path of an object: bucket and name, as listings are keyed. */
export function pathOf({ bucket_id: bucket, name }: { bucket_id: string; name: string }): string {
  return `${bucket}/${name}`;
}

/** The states that a project really had, recorded by those who changed it, not by Holdfast. */
export class ReferenceModel {
  readonly #lives = new Map<string, ObjectLife>();
  readonly #objectPaths = new Map<string, ObjectLife>();
  readonly #buckets: BucketLife[] = [];
  /** Every id that was at a path at some time. */
  readonly #occupants = new Map<string, Set<string>>();
  /** Paths where a restore wrote or verified bytes: these were read under the object's own name. */
  readonly restored = new Set<string>();

  /** Records a new object, or a new state of a known one. */
  appeared(row: ObjectRow, sha256: string, at: Moment): void {
    const life = this.#lives.get(row.id) ?? { id: row.id, states: [], born: at };
    const last = life.states.at(-1);
    if (last) this.#close(last, at);
    // A change of the row alone does not restore lost bytes.
    const lost = last?.row.version === row.version ? last.bytesLost : undefined;
    life.states.push({ row, sha256, from: at, ...(lost && { bytesLost: lost }) });
    this.#lives.set(row.id, life);
    const objectPath = pathOf(row);
    this.#objectPaths.set(objectPath, life);
    const occupants = this.#occupants.get(objectPath) ?? new Set();
    this.#occupants.set(objectPath, occupants.add(row.id));
  }

  /** Records that an object was deleted. */
  deleted(id: string, at: Moment): void {
    const life = this.#lives.get(id);
    const last = life?.states.at(-1);
    if (!life || !last || life.deleted) throw new Error(`${id} does not exist`);
    this.#close(last, at);
    life.deleted = at;
  }

  #close(state: ObjectState, at: Moment): void {
    state.to = at;
    const objectPath = pathOf(state.row);
    if (this.#objectPaths.get(objectPath)?.id === state.row.id) {
      this.#objectPaths.delete(objectPath);
    }
  }

  /** Records that Storage lost an object's bytes and kept its row. */
  lostBytes(id: string, at: Moment): void {
    const state = this.#lives.get(id)?.states.at(-1);
    if (!state) throw new Error(`${id} was never there`);
    state.bytesLost = at;
  }

  bucketCreated(id: string, at: Moment): void {
    this.#buckets.push({ id, born: at });
  }

  bucketDeleted(id: string, at: Moment): void {
    const bucket = this.#buckets.findLast((bucket) => bucket.id === id);
    if (!bucket) throw new Error(`there was no bucket ${id}`);
    bucket.deleted = at;
  }

  get buckets(): readonly BucketLife[] {
    return this.#buckets;
  }

  /** All objects that ever existed. */
  lives(): Iterable<ObjectLife> {
    return this.#lives.values();
  }

  life(id: string): ObjectLife | undefined {
    return this.#lives.get(id);
  }

  /** The current state at a path. */
  at(objectPath: string): ObjectState | undefined {
    return this.#objectPaths.get(objectPath)?.states.at(-1);
  }

  /** The objects that were at a path at some time. */
  occupants(objectPath: string): ObjectLife[] {
    return [...this.#occupants.get(objectPath) ?? []].map((id) => this.#lives.get(id)!);
  }

  /** The current states of all objects, in the order in which they got their paths. */
  now(): ObjectState[] {
    return [...this.#objectPaths.values()].map(({ states }) => states.at(-1)!);
  }
}
