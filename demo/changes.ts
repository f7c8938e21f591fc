import { connect } from "../stack/postgres/connection.ts";
import type { ProjectClient } from "../stack/project_client.ts";
import { type DemoObject, type Location, locationOf } from "./objects.ts";
import type { Progress } from "./screen.ts";
import { mustSucceed, storageClient, uploadObject } from "./storage.ts";

/** One change, and exactly what the next backup must do because of it. */
export interface Change {
  /** The kind of change, in one word. */
  readonly word: string;
  /** The changed object, as `bucket/name`. */
  readonly location: string;
  /** Locations for which the next snapshot must hold new entries. */
  readonly puts: readonly string[];
  /** Locations that the next snapshot must no longer list. */
  readonly removes: readonly string[];
  /** Locations whose bytes the backup must read. It must read no other bytes. */
  readonly reads: readonly string[];
  readonly apply: (project: ProjectClient) => Promise<void>;
}

/** Only objects up to this size are changed, so that no change exceeds a bucket's limit. */
const LARGEST_CHANGED_BYTES = 500_000;
/** Names are shortened to this many characters for display. */
const READABLE_NAME_LENGTH = 44;

/** The kinds of change, in the order in which they are applied. */
const KINDS = [overwrite, move, remove, edit, copy, add];

/**
 * Plans one change of each kind, each for a different object.
 *
 * @throws RangeError if there are fewer suitable objects than kinds
 */
export function planChanges(objects: readonly DemoObject[]): Change[] {
  const fit = objects.filter((object) =>
    object.size > 0 && object.size <= LARGEST_CHANGED_BYTES && object.owner === undefined &&
    !object.name.startsWith("/") && !object.name.endsWith("/")
  );
  const readable = fit.filter((object) => object.name.length <= READABLE_NAME_LENGTH);
  const candidates = readable.length >= KINDS.length ? readable : fit;
  return KINDS.map((change, index) => {
    const object = candidates[Math.floor((index + 0.5) * candidates.length / KINDS.length)];
    if (!object) throw new RangeError("there are too few objects to change some of them");
    return change(object);
  });
}

/** Applies the changes one after the other. */
export async function applyChanges(
  project: ProjectClient,
  changes: readonly Change[],
  progress: Progress,
): Promise<void> {
  progress.expect(changes.length);
  for (const change of changes) {
    await change.apply(project);
    progress.advance();
  }
}

function overwrite(object: DemoObject): Change {
  const location = locationOf(object);
  const grown: DemoObject = {
    ...object,
    size: object.size + 1,
    read: async () => new Uint8Array([...await object.read(), 10]),
  };
  return {
    word: "overwrite",
    location,
    puts: [location],
    removes: [],
    reads: [location],
    apply: (project) => uploadObject(project.info, grown, true),
  };
}

function move(object: DemoObject): Change {
  const to = { bucket: object.bucket, name: `moved/${object.name}` };
  return {
    word: "move",
    location: locationOf(object),
    puts: [locationOf(to)],
    removes: [locationOf(object)],
    // A move keeps id, etag and size, so the backup knows that it already holds these bytes.
    reads: [],
    apply: ({ info }) =>
      mustSucceed(
        `moving ${locationOf(object)}`,
        storageClient(info).from(object.bucket).move(object.name, to.name),
      ),
  };
}

function remove(object: DemoObject): Change {
  return {
    word: "delete",
    location: locationOf(object),
    puts: [],
    removes: [locationOf(object)],
    reads: [],
    apply: ({ info }) =>
      mustSucceed(
        `deleting ${locationOf(object)}`,
        storageClient(info).from(object.bucket).remove([object.name]),
      ),
  };
}

function edit(object: DemoObject): Change {
  return {
    word: "metadata",
    location: locationOf(object),
    puts: [locationOf(object)],
    removes: [],
    reads: [],
    apply: (project) => editMetadata(project, object),
  };
}

async function editMetadata(project: ProjectClient, { bucket, name }: Location): Promise<void> {
  await using sql = connect(project.info.databaseUrl);
  await sql`
    update storage.objects
    set user_metadata = coalesce(user_metadata, '{}'::jsonb) || '{"reviewed": true, "by": "Zoë"}'::jsonb
    where bucket_id = ${bucket} and name = ${name}`;
}

function copy(object: DemoObject): Change {
  const to = { bucket: object.bucket, name: `copied/${object.name}` };
  return {
    word: "copy",
    location: locationOf(object),
    puts: [locationOf(to)],
    removes: [],
    reads: [locationOf(to)],
    apply: ({ info }) =>
      mustSucceed(
        `copying ${locationOf(object)}`,
        storageClient(info).from(object.bucket).copy(object.name, to.name),
      ),
  };
}

function add(like: DemoObject): Change {
  const added = { ...like, name: `added/${like.name}`, userMetadata: { added: "later" } };
  const location = locationOf(added);
  return {
    word: "upload",
    location,
    puts: [location],
    removes: [],
    reads: [location],
    apply: (project) => uploadObject(project.info, added),
  };
}
