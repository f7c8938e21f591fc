import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { type ObjectRow, readObjects } from "../../support/project_reader.ts";
import { digestOf, type Snapshot } from "../../stack/repository_reader.ts";
import { assertRestored } from "../../faults/checks/restored.ts";
import { BrokenPromise, holds } from "../../faults/promises.ts";
import type { Ledger } from "../run/ledger.ts";
import type { SoakProject } from "../world/soak_project.ts";

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
  places: readonly string[],
): Promise<void> {
  if (places.length === 0) return;
  const objects = await readObjects(project);
  for (const place of places) {
    const entry = entries.get(place);
    if (entry?.key === undefined) continue;
    assert.equal(objects.get(place)?.sha256, digestOf(await project.reader.bytes(entry)), place);
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
  ledger: Ledger,
): Promise<void> {
  const told = await project.sql<{ place: string }[]>`
    select bucket_id || '/' || name as place from holdfast.failures
    where job = 'restore' and run = ${run}`;
  const except = new Set(told.map(({ place }) => place));
  const listed = (place: string) => snapshot.entries.has(place);
  const underTheirRows = new Set<string>();
  for (const [place, row] of before) {
    const mine = listed(place) && (overwrite !== "never" || lost.includes(place));
    if (!mine && !isDeepStrictEqual(after.get(place), row)) {
      const rows = JSON.stringify([row, after.get(place)]);
      throw new BrokenPromise(
        "target_kept",
        `${place} was touched by restore ${run} (${overwrite}): ${rows}`,
      );
    }
    if (!mine) except.add(place);
    // Where nothing may be overwritten, lost bytes come back under their row, whatever that says.
    if (mine && overwrite === "never" && saySame(row, after.get(place))) underTheirRows.add(place);
  }
  await holds("restores_exactly", async () => {
    await assertRestored(project, snapshot, new Set([...except, ...underTheirRows]));
    await assertBytes(project, snapshot, [...underTheirRows].filter((place) => !except.has(place)));
  });
  ledger.restoresChecked++;
  ledger.restoresTold += told.length;
}
