import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { type ObjectRow, readObjects } from "../../support/project_reader.ts";
import { digestOf, type Snapshot } from "../../../stack/repository_reader.ts";
import { assertRestored } from "../../simulation/checks/restored.ts";
import { assertInvariant, InvariantViolation } from "../../simulation/invariants.ts";
import type { Journal } from "../run/journal.ts";
import type { SoakProject } from "../environment/soak_project.ts";

/** Whether a row has the same metadata as before, although its bytes were written again. */
function hasSameMetadata(before: ObjectRow, after: ObjectRow | undefined): boolean {
  const words = (
    { owner_id, user_metadata, created_at, updated_at, metadata }: ObjectRow,
  ) => [
    owner_id,
    user_metadata,
    created_at,
    updated_at,
    metadata["mimetype"],
    metadata["cacheControl"],
  ];
  return after !== undefined && isDeepStrictEqual(words(before), words(after));
}

/** Compares the bytes at some paths with what a snapshot lists. */
async function assertBytes(
  project: SoakProject,
  { entries }: Snapshot,
  objectPaths: readonly string[],
): Promise<void> {
  if (objectPaths.length === 0) return;
  const objects = await readObjects(project);
  for (const objectPath of objectPaths) {
    const entry = entries.get(objectPath);
    if (entry?.key === undefined) continue;
    assert.equal(
      objects.get(objectPath)?.sha256,
      digestOf(await project.reader.bytes(entry)),
      objectPath,
    );
  }
}

/** A restore that succeeded, with the rows before and after it. */
export interface DoneRestore {
  readonly run: string;
  readonly snapshot: Snapshot;
  readonly overwrite: "never" | "if_changed";
  readonly before: ReadonlyMap<string, ObjectRow>;
  readonly after: ReadonlyMap<string, ObjectRow>;
  /**
   * The paths of rows whose bytes Storage had lost. A restore writes these bytes for every value of
   * `overwrite`.
   */
  readonly lost?: readonly string[];
}

/**
 * Checks that a restore brought back what it should and changed nothing else. Objects that the run reports
 * as not restored are counted and not checked.
 */
export async function checkRestored(
  project: SoakProject,
  { run, snapshot, overwrite, before, after, lost = [] }: DoneRestore,
  journal: Journal,
): Promise<void> {
  const reported = await project.sql<{ path: string }[]>`
    select bucket_id || '/' || name as path from holdfast_private.failures
    where job = 'restore' and run = ${run}`;
  const except = new Set(reported.map(({ path }) => path));
  const listed = (objectPath: string) => snapshot.entries.has(objectPath);
  const underTheirRows = new Set<string>();
  for (const [objectPath, row] of before) {
    const mine = listed(objectPath) && (overwrite !== "never" || lost.includes(objectPath));
    if (!mine && !isDeepStrictEqual(after.get(objectPath), row)) {
      const rows = JSON.stringify([row, after.get(objectPath)]);
      throw new InvariantViolation(
        "target_kept",
        `${objectPath} was touched by restore ${run} (${overwrite}): ${rows}`,
      );
    }
    if (!mine) except.add(objectPath);
    // If nothing may be overwritten, lost bytes are restored and the row's metadata is kept.
    if (mine && overwrite === "never" && hasSameMetadata(row, after.get(objectPath))) {
      underTheirRows.add(objectPath);
    }
  }
  await assertInvariant("restores_exactly", async () => {
    await assertRestored(project, snapshot, new Set([...except, ...underTheirRows]));
    await assertBytes(
      project,
      snapshot,
      [...underTheirRows].filter((objectPath) => !except.has(objectPath)),
    );
  });
  journal.restoresChecked++;
  journal.objectsReported += reported.length;
}
