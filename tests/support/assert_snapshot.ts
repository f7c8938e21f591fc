import assert from "node:assert/strict";
import { factsOfEntry, factsOfRow } from "./entry_facts.ts";
import type { TestProject } from "./project.ts";
import { type ProjectConnections, readObjects } from "./project_reader.ts";
import { digestOf, type Snapshot } from "../../stack/repository_reader.ts";

/**
 * Asserts that a snapshot matches the project's current state: the same objects with the same bytes
 * and metadata, and no others. Returns the snapshot.
 */
export async function assertHolds<Some extends Snapshot>(
  project: ProjectConnections & Pick<TestProject, "reader">,
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
