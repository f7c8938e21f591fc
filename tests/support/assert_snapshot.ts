import assert from "node:assert/strict";
import { factsOfEntry, factsOfRow } from "./entry_facts.ts";
import type { TestProject } from "./project.ts";
import { type ProjectDoors, readObjects } from "./project_reader.ts";
import { digestOf, type Snapshot } from "../../stack/repository_reader.ts";

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
    assert.equal(digestOf(await project.reader.bytes(entry)), object.sha256, place);
    assert.deepEqual({
      ...factsOfEntry(entry),
      id: entry.id,
      updated_at: entry.updated_at,
    }, {
      ...factsOfRow(object),
      id: object.id,
      updated_at: object.updated_at,
    }, place);
  }
  return snapshot;
}
