import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { type ObjectRow, readObjects } from "../../e2e/support/project_reader.ts";
import { digestOf, type Snapshot } from "../../e2e/support/repository_reader.ts";
import { assertRestored } from "../../simulation/checks/restored.ts";
import { assertInvariant, InvariantViolation } from "../../simulation/invariants.ts";
import type { Journal } from "../run/journal.ts";
import type { SoakProject } from "../environment/soak_project.ts";

/** Whether a row says what it said, though its bytes were put again. */
function saySame(before: ObjectRow, after: ObjectRow | undefined): boolean {
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

/** Holds the bytes at some places to what a snapshot lists. */
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

/** A restore that succeeded, with what was there before. */
export interface DoneRestore {
  readonly run: string;
  readonly snapshot: Snapshot;
  readonly overwrite: "never" | "if-changed";
  readonly before: ReadonlyMap<string, ObjectRow>;
  readonly after: ReadonlyMap<string, ObjectRow>;
  /** Where Storage had lost the bytes of a row: they come back, whatever is to be overwritten. */
  readonly lost?: readonly string[];
}

/**
 * Holds a project to what a restore into it was to give back, and to what it was to leave alone.
 * What the run says that it did not restore is counted and believed.
 */
export async function checkRestored(
  project: SoakProject,
  { run, snapshot, overwrite, before, after, lost = [] }: DoneRestore,
  journal: Journal,
): Promise<void> {
  const reported = await project.sql<{ path: string }[]>`
    select bucket_id || '/' || name as path from holdfast.failures
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
    // Where nothing may be overwritten, lost bytes come back under their row, whatever that says.
    if (mine && overwrite === "never" && saySame(row, after.get(objectPath))) {
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
