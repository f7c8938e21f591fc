import type { ObjectRow } from "../../support/project_reader.ts";
import { ok, upload } from "../../support/objects.ts";
import { digestOf } from "../../../stack/repository_reader.ts";
import type { Random } from "../../simulation/run/random.ts";
import {
  type Moment,
  type ObjectState,
  pathOf,
  type ReferenceModel,
} from "../model/reference_model.ts";
import type { SoakProject } from "../environment/soak_project.ts";
import {
  BUCKETS,
  chooseBytes,
  chooseObject,
  chooseOptions,
  choosePath,
  LASTING_BUCKETS,
  openBuckets,
} from "./choices.ts";
import type { Locks } from "./locks.ts";

/** What an operation works with. */
export interface UserContext {
  readonly project: SoakProject;
  readonly model: ReferenceModel;
  readonly locks: Locks;
  readonly random: Random;
}

/** An operation of a user. Returns false if there was nothing to apply it to. */
export type Operation = (environment: UserContext) => Promise<boolean>;

/** Uploads new bytes to a path, free or not. */
export const put: Operation = (environment) => {
  const { bucket, name } = choosePath(environment.random, environment.model);
  return withLocks(environment, [`${bucket}/${name}`], () => putAt(environment, bucket, name));
};

/** Overwrites an object with new bytes. */
export const overwrite: Operation = (environment) =>
  withObject(environment, ({ row }) => overwriteAt(environment, row));

/** Moves an object, often to another bucket. */
export const move: Operation = (environment) => relocate(environment, "move");

/** Copies an object. */
export const copy: Operation = (environment) => relocate(environment, "copy");

function relocate(environment: UserContext, how: "move" | "copy"): Promise<boolean> {
  const state = chooseObject(environment.random, environment.model);
  const to = choosePath(environment.random, environment.model);
  return toFreePath(environment, state, to, async ({ row, sha256 }) => {
    const files = environment.project.storage.from(row.bucket_id);
    const options = { destinationBucket: to.bucket };
    const { at } = await timed<unknown>(() =>
      how === "move"
        ? ok(files.move(row.name, to.name, options))
        : ok(files.copy(row.name, to.name, options))
    );
    environment.model.appeared(await readRow(environment.project, to.bucket, to.name), sha256, at);
  });
}

/** Changes metadata of an object's row alone. */
export const edit: Operation = (environment) =>
  withObject(environment, async ({ row, sha256 }) => {
    const { project, random, model } = environment;
    const userMetadata = JSON.stringify({ edited: random.between(0, 1_000_000) });
    const owner = random.chance(0.3) ? `user ${random.between(1, 9)}` : row.owner_id;
    const { at } = await timed(() =>
      project.sql`
        update storage.objects set user_metadata = ${userMetadata}::text::jsonb, owner_id = ${owner}
        where id = ${row.id}`
    );
    model.appeared(await readRow(project, row.bucket_id, row.name), sha256, at);
  });

/** Deletes an object. */
export const remove: Operation = (environment) =>
  withObject(environment, ({ row }) => removeAt(environment, row));

/** Deletes an object and uploads another one to its path at once. */
export const recreate: Operation = (environment) =>
  withObject(environment, async ({ row }) => {
    await removeAt(environment, row);
    await putAt(environment, row.bucket_id, row.name);
  });

/** Moves an object and uploads another one to its old path. */
export const replace: Operation = (environment) => {
  const state = chooseObject(environment.random, environment.model);
  const to = choosePath(environment.random, environment.model);
  return toFreePath(environment, state, to, async ({ row, sha256 }) => {
    const { at } = await timed(() =>
      ok(
        environment.project.storage.from(row.bucket_id).move(row.name, to.name, {
          destinationBucket: to.bucket,
        }),
      )
    );
    environment.model.appeared(await readRow(environment.project, to.bucket, to.name), sha256, at);
    await putAt(environment, row.bucket_id, row.name);
  });
};

/** Deletes the bytes of an object and keeps its row, as a failing backend would. */
export const loseBytes: Operation = (environment) =>
  withObject(environment, async ({ row }) => {
    const { storage } = environment.project.project.parts;
    const { at } = await timed(() => storage.loseBytes(row.bucket_id, row.name));
    environment.model.lostBytes(row.id, at);
  });

/** Deletes or overwrites an object whose bytes are lost, as a user who notices does. */
export const repairLost: Operation = (environment) => {
  const lost = environment.model.now().filter(({ bytesLost }) => bytesLost !== undefined);
  if (lost.length === 0) return Promise.resolve(false);
  const { row } = environment.random.one(lost);
  return withLocks(
    environment,
    [pathOf(row)],
    () =>
      environment.random.chance(0.5) ? removeAt(environment, row) : overwriteAt(environment, row),
  );
};

/** Creates a bucket that does not exist. */
export const makeBucket: Operation = async (environment) => {
  const open = openBuckets(environment.model);
  const closed = BUCKETS.filter((id) => !open.includes(id));
  if (closed.length === 0) return false;
  const id = environment.random.one(closed);
  if (!environment.locks.takeBucket(id)) return false;
  const { at } = await timed(() =>
    ok(environment.project.storage.createBucket(id, { public: environment.random.chance(0.5) }))
  );
  environment.model.bucketCreated(id, at);
  environment.locks.giveBucket(id);
  return true;
};

/** Deletes a bucket with its objects. */
export const deleteBucket: Operation = async (environment) => {
  const { project, model, locks, random } = environment;
  const deletable = openBuckets(model).filter((id) => !LASTING_BUCKETS.includes(id));
  if (deletable.length === 0) return false;
  const id = random.one(deletable);
  if (!locks.takeBucket(id)) return false;
  const inside = model.now().filter(({ row }) => row.bucket_id === id);
  const names = inside.map(({ row }) => row.name);
  if (names.length > 0) {
    const { at } = await timed(() => ok(project.storage.from(id).remove(names)));
    for (const { row } of inside) model.deleted(row.id, at);
  }
  const { at } = await timed(() => ok(project.storage.deleteBucket(id)));
  model.bucketDeleted(id, at);
  locks.giveBucket(id);
  return true;
};

async function putAt({ project, model, random }: UserContext, bucket: string, name: string) {
  const bytes = chooseBytes(random);
  const { at } = await timed(() => upload(project, bucket, name, bytes, chooseOptions(random)));
  model.appeared(await readRow(project, bucket, name), digestOf(bytes), at);
}

async function overwriteAt(environment: UserContext, { bucket_id: bucket, name }: ObjectRow) {
  await putAt(environment, bucket, name);
}

async function removeAt({ project, model }: UserContext, row: ObjectRow): Promise<void> {
  const { at } = await timed(() => ok(project.storage.from(row.bucket_id).remove([row.name])));
  model.deleted(row.id, at);
}

async function withObject(
  environment: UserContext,
  act: (state: ObjectState) => Promise<void>,
): Promise<boolean> {
  const state = chooseObject(environment.random, environment.model);
  return state !== undefined && await withLocks(environment, [pathOf(state.row)], () => act(state));
}

async function toFreePath(
  environment: UserContext,
  state: ObjectState | undefined,
  to: { bucket: string; name: string },
  act: (state: ObjectState) => Promise<void>,
): Promise<boolean> {
  const target = `${to.bucket}/${to.name}`;
  if (!state || environment.model.at(target)) return false;
  return await withLocks(environment, [pathOf(state.row), target], () => act(state));
}

async function withLocks(
  { locks }: UserContext,
  objectPaths: readonly string[],
  act: () => Promise<void>,
): Promise<boolean> {
  if (!locks.take(...objectPaths)) return false;
  try {
    await act();
    return true;
  } finally {
    locks.give(...objectPaths);
  }
}

/** Runs something and returns the readings of the clock before and after it. */
export async function timed<Result>(
  act: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly at: Moment }> {
  const after = Date.now();
  const result = await act();
  return { result, at: { after, before: Date.now() } };
}

/** The row of the object at a path. */
async function readRow({ sql }: SoakProject, bucket: string, name: string): Promise<ObjectRow> {
  const [row] = await sql<ObjectRow[]>`
    select id, bucket_id, name, version, owner, owner_id, metadata, user_metadata,
      to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at,
      to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as updated_at
    from storage.objects where bucket_id = ${bucket} and name = ${name}`;
  if (!row) throw new Error(`there is no row of ${bucket}/${name}`);
  return { ...row };
}
