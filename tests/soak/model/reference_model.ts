import type { ObjectRow } from "../../e2e/support/project_reader.ts";

/**
 * When something happened: no sooner than `after`, no later than `before`. Milliseconds since 1970,
 * taken around the call that did it.
 */
export interface Moment {
  readonly after: number;
  readonly before: number;
}

/** One state that an object had at one place, from one change to the next. */
export interface ObjectState {
  readonly row: ObjectRow;
  /** Of the bytes that were uploaded. */
  readonly sha256: string;
  readonly from: Moment;
  /** Absent while it lasts. */
  to?: Moment;
  /** Since when Storage has a row of it and no bytes. */
  bytesLost?: Moment;
}

/** Everything that an object was, by its id, which outlives overwrites and moves. */
export interface ObjectLife {
  readonly id: string;
  readonly states: ObjectState[];
  /** When it came to be. */
  readonly born: Moment;
  /** Absent while it lives. */
  gone?: Moment;
}

/** A bucket, from its making to its deletion. */
export interface BucketLife {
  readonly id: string;
  readonly born: Moment;
  gone?: Moment;
}

/** The names of one object's place in one text, as listings are keyed. */
export function pathOf({ bucket_id: bucket, name }: { bucket_id: string; name: string }): string {
  return `${bucket}/${name}`;
}

/** What really was in a project, and when: told by those who changed it, not by Holdfast. */
export class ReferenceModel {
  readonly #lives = new Map<string, ObjectLife>();
  readonly #objectPaths = new Map<string, ObjectLife>();
  readonly #buckets: BucketLife[] = [];
  /** Every id that was at a place at some time. */
  readonly #tenants = new Map<string, Set<string>>();
  /** Places where a restore put or verified bytes: what is there was read under its name. */
  readonly restored = new Set<string>();

  /** An object came to be, or one that is known has another state. */
  appeared(row: ObjectRow, sha256: string, at: Moment): void {
    const life = this.#lives.get(row.id) ?? { id: row.id, states: [], born: at };
    const last = life.states.at(-1);
    if (last) this.#close(last, at);
    // An edit of the row alone brings no bytes back.
    const lost = last?.row.version === row.version ? last.bytesLost : undefined;
    life.states.push({ row, sha256, from: at, ...(lost && { bytesLost: lost }) });
    this.#lives.set(row.id, life);
    const objectPath = pathOf(row);
    this.#objectPaths.set(objectPath, life);
    const tenants = this.#tenants.get(objectPath) ?? new Set();
    this.#tenants.set(objectPath, tenants.add(row.id));
  }

  /** An object was deleted. */
  gone(id: string, at: Moment): void {
    const life = this.#lives.get(id);
    const last = life?.states.at(-1);
    if (!life || !last || life.gone) throw new Error(`${id} does not live`);
    this.#close(last, at);
    life.gone = at;
  }

  #close(state: ObjectState, at: Moment): void {
    state.to = at;
    const objectPath = pathOf(state.row);
    if (this.#objectPaths.get(objectPath)?.id === state.row.id) {
      this.#objectPaths.delete(objectPath);
    }
  }

  /** The bytes of an object are gone, its row stays. */
  lostBytes(id: string, at: Moment): void {
    const state = this.#lives.get(id)?.states.at(-1);
    if (!state) throw new Error(`${id} was never there`);
    state.bytesLost = at;
  }

  bucketMade(id: string, at: Moment): void {
    this.#buckets.push({ id, born: at });
  }

  bucketGone(id: string, at: Moment): void {
    const bucket = this.#buckets.findLast((bucket) => bucket.id === id);
    if (!bucket) throw new Error(`there was no bucket ${id}`);
    bucket.gone = at;
  }

  get buckets(): readonly BucketLife[] {
    return this.#buckets;
  }

  /** All objects that ever lived. */
  lives(): Iterable<ObjectLife> {
    return this.#lives.values();
  }

  life(id: string): ObjectLife | undefined {
    return this.#lives.get(id);
  }

  /** What is at a place now. */
  at(objectPath: string): ObjectState | undefined {
    return this.#objectPaths.get(objectPath)?.states.at(-1);
  }

  /** The objects that were at a place at some time. */
  tenants(objectPath: string): ObjectLife[] {
    return [...this.#tenants.get(objectPath) ?? []].map((id) => this.#lives.get(id)!);
  }

  /** The present states of all that lives, in the order in which they came to their places. */
  now(): ObjectState[] {
    return [...this.#objectPaths.values()].map(({ states }) => states.at(-1)!);
  }
}
