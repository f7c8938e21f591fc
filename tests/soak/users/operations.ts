import type { ObjectRow } from "../../support/project_reader.ts";
import { ok, upload } from "../../support/objects.ts";
import { digestOf } from "../../stack/repository_reader.ts";
import type { Random } from "../../faults/run/random.ts";
import { type Moment, type ObjectState, placeOf, type Truth } from "../model/truth.ts";
import type { SoakProject } from "../world/soak_project.ts";
import {
  BUCKETS,
  chooseBytes,
  chooseObject,
  chooseOptions,
  choosePlace,
  LASTING_BUCKETS,
  openBuckets,
} from "./choices.ts";
import type { Claims } from "./claims.ts";

/** What users have to act with. */
export interface UserScene {
  readonly project: SoakProject;
  readonly truth: Truth;
  readonly claims: Claims;
  readonly random: Random;
}

/** Something that a user does; false where there was nothing to do it to. */
export type Operation = (scene: UserScene) => Promise<boolean>;

/** Puts new bytes at a place, whatever is there. */
export const put: Operation = (scene) => {
  const { bucket, name } = choosePlace(scene.random, scene.truth);
  return claiming(scene, [`${bucket}/${name}`], () => putAt(scene, bucket, name));
};

/** Puts new bytes over an object. */
export const overwrite: Operation = (scene) =>
  withObject(scene, ({ row }) => overwriteAt(scene, row));

/** Moves an object, to another bucket as often as not. */
export const move: Operation = (scene) => relocate(scene, "move");

/** Copies an object, which gives another one. */
export const copy: Operation = (scene) => relocate(scene, "copy");

function relocate(scene: UserScene, how: "move" | "copy"): Promise<boolean> {
  const state = chooseObject(scene.random, scene.truth);
  const to = choosePlace(scene.random, scene.truth);
  return toFreePlace(scene, state, to, async ({ row, sha256 }) => {
    const files = scene.project.storage.from(row.bucket_id);
    const options = { destinationBucket: to.bucket };
    const { at } = await timed<unknown>(() =>
      how === "move"
        ? ok(files.move(row.name, to.name, options))
        : ok(files.copy(row.name, to.name, options))
    );
    scene.truth.appeared(await readRow(scene.project, to.bucket, to.name), sha256, at);
  });
}

/** Changes what Postgres alone knows of an object. */
export const edit: Operation = (scene) =>
  withObject(scene, async ({ row, sha256 }) => {
    const { project, random, truth } = scene;
    const userMetadata = JSON.stringify({ edited: random.between(0, 1_000_000) });
    const owner = random.chance(0.3) ? `user ${random.between(1, 9)}` : row.owner_id;
    const { at } = await timed(() =>
      project.sql`
        update storage.objects set user_metadata = ${userMetadata}::text::jsonb, owner_id = ${owner}
        where id = ${row.id}`
    );
    truth.appeared(await readRow(project, row.bucket_id, row.name), sha256, at);
  });

/** Deletes an object. */
export const remove: Operation = (scene) => withObject(scene, ({ row }) => removeAt(scene, row));

/** Deletes an object and puts another one in its place at once. */
export const recreate: Operation = (scene) =>
  withObject(scene, async ({ row }) => {
    await removeAt(scene, row);
    await putAt(scene, row.bucket_id, row.name);
  });

/** Moves an object away and puts another one where it was. */
export const replace: Operation = (scene) => {
  const state = chooseObject(scene.random, scene.truth);
  const to = choosePlace(scene.random, scene.truth);
  return toFreePlace(scene, state, to, async ({ row, sha256 }) => {
    const { at } = await timed(() =>
      ok(
        scene.project.storage.from(row.bucket_id).move(row.name, to.name, {
          destinationBucket: to.bucket,
        }),
      )
    );
    scene.truth.appeared(await readRow(scene.project, to.bucket, to.name), sha256, at);
    await putAt(scene, row.bucket_id, row.name);
  });
};

/** Takes away the bytes of an object, as a backend that fails would; its row stays. */
export const loseBytes: Operation = (scene) =>
  withObject(scene, async ({ row }) => {
    const { storage } = scene.project.project.parts;
    const { at } = await timed(() => storage.loseBytes(row.bucket_id, row.name));
    scene.truth.lostBytes(row.id, at);
  });

/** Deletes or overwrites an object whose bytes are lost, as whoever notices does. */
export const mendLost: Operation = (scene) => {
  const lost = scene.truth.now().filter(({ bytesLost }) => bytesLost !== undefined);
  if (lost.length === 0) return Promise.resolve(false);
  const { row } = scene.random.one(lost);
  return claiming(
    scene,
    [placeOf(row)],
    () => scene.random.chance(0.5) ? removeAt(scene, row) : overwriteAt(scene, row),
  );
};

/** Makes a bucket that is not there. */
export const makeBucket: Operation = async (scene) => {
  const open = openBuckets(scene.truth);
  const closed = BUCKETS.filter((id) => !open.includes(id));
  if (closed.length === 0) return false;
  const id = scene.random.one(closed);
  if (!scene.claims.takeBucket(id)) return false;
  const { at } = await timed(() =>
    ok(scene.project.storage.createBucket(id, { public: scene.random.chance(0.5) }))
  );
  scene.truth.bucketMade(id, at);
  scene.claims.giveBucket(id);
  return true;
};

/** Deletes a bucket with all that is in it. */
export const deleteBucket: Operation = async (scene) => {
  const { project, truth, claims, random } = scene;
  const deletable = openBuckets(truth).filter((id) => !LASTING_BUCKETS.includes(id));
  if (deletable.length === 0) return false;
  const id = random.one(deletable);
  if (!claims.takeBucket(id)) return false;
  const inside = truth.now().filter(({ row }) => row.bucket_id === id);
  const names = inside.map(({ row }) => row.name);
  if (names.length > 0) {
    const { at } = await timed(() => ok(project.storage.from(id).remove(names)));
    for (const { row } of inside) truth.gone(row.id, at);
  }
  const { at } = await timed(() => ok(project.storage.deleteBucket(id)));
  truth.bucketGone(id, at);
  claims.giveBucket(id);
  return true;
};

async function putAt({ project, truth, random }: UserScene, bucket: string, name: string) {
  const bytes = chooseBytes(random);
  const { at } = await timed(() => upload(project, bucket, name, bytes, chooseOptions(random)));
  truth.appeared(await readRow(project, bucket, name), digestOf(bytes), at);
}

async function overwriteAt(scene: UserScene, { bucket_id: bucket, name }: ObjectRow) {
  await putAt(scene, bucket, name);
}

async function removeAt({ project, truth }: UserScene, row: ObjectRow): Promise<void> {
  const { at } = await timed(() => ok(project.storage.from(row.bucket_id).remove([row.name])));
  truth.gone(row.id, at);
}

async function withObject(
  scene: UserScene,
  act: (state: ObjectState) => Promise<void>,
): Promise<boolean> {
  const state = chooseObject(scene.random, scene.truth);
  return state !== undefined && await claiming(scene, [placeOf(state.row)], () => act(state));
}

async function toFreePlace(
  scene: UserScene,
  state: ObjectState | undefined,
  to: { bucket: string; name: string },
  act: (state: ObjectState) => Promise<void>,
): Promise<boolean> {
  const target = `${to.bucket}/${to.name}`;
  if (!state || scene.truth.at(target)) return false;
  return await claiming(scene, [placeOf(state.row), target], () => act(state));
}

async function claiming(
  { claims }: UserScene,
  places: readonly string[],
  act: () => Promise<void>,
): Promise<boolean> {
  if (!claims.take(...places)) return false;
  try {
    await act();
    return true;
  } finally {
    claims.give(...places);
  }
}

/** Does something, and says between which two readings of the clock. */
export async function timed<Result>(
  act: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly at: Moment }> {
  const after = Date.now();
  const result = await act();
  return { result, at: { after, before: Date.now() } };
}

/** The row of the object at a place. */
async function readRow({ sql }: SoakProject, bucket: string, name: string): Promise<ObjectRow> {
  const [row] = await sql<ObjectRow[]>`
    select id, bucket_id, name, version, owner, owner_id, metadata, user_metadata,
      to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at,
      to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as updated_at
    from storage.objects where bucket_id = ${bucket} and name = ${name}`;
  if (!row) throw new Error(`there is no row of ${bucket}/${name}`);
  return { ...row };
}
