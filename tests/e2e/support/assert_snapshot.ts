import assert from "node:assert/strict";
import type { TestProject } from "./project.ts";
import { type ProjectDoors, readObjects } from "./project_reader.ts";
import { digestOf, type Snapshot } from "./repository_reader.ts";

/**
 * Holds a snapshot against the project as it is now: the same objects and no other, each with the
 * bytes that Storage answers and all that its row says. Answers the snapshot.
 */
export async function assertHolds<Some extends Snapshot>(
  project: ProjectDoors & Pick<TestProject, "reader">,
  snapshot: Some,
): Promise<Some> {
  const objects = await readObjects(project);
  assert.deepEqual([...snapshot.entries.keys()].sort(), [...objects.keys()].sort());
  for (const [place, object] of objects) {
    const entry = snapshot.entries.get(place)!;
    const { metadata } = object;
    assert.equal(digestOf(await project.reader.bytes(entry)), object.sha256, place);
    assert.deepEqual({
      id: entry.id,
      version: entry.version,
      size: entry.size,
      type: entry.type,
      cache_control: entry.cache_control,
      etag: entry.etag,
      user_metadata: entry.user_metadata,
      owner_id: entry.owner_id,
      created_at: entry.created_at,
      updated_at: entry.updated_at,
    }, {
      id: object.id,
      version: object.version,
      size: metadata.size,
      type: metadata.mimetype,
      cache_control: metadata.cacheControl,
      etag: String(metadata.eTag).replaceAll('"', ""),
      user_metadata: object.user_metadata,
      owner_id: object.owner_id,
      created_at: object.created_at,
      updated_at: object.updated_at,
    }, place);
  }
  return snapshot;
}
