import assert from "node:assert/strict";
import { connect } from "../../stack/postgres/connection.ts";
import { eventually } from "../../support/eventually.ts";
import type { TestProject } from "./project.ts";

/** Long enough to take a lock while it lasts, on a busy machine. */
const READ_MILLISECONDS = 1500;

/** A run that cannot commit anything until it is let go. */
export interface Hold extends AsyncDisposable {
  release(): Promise<void>;
}

/** Makes the next reads of an object slow; to be called before the run begins. */
export async function slowRead(project: TestProject, place: string, count = 1): Promise<void> {
  await project.addStorageFault({
    route: "GET object/authenticated",
    pathContains: place,
    count,
    fault: { delayMilliseconds: READ_MILLISECONDS },
  });
}

/** Waits until somebody reads an object, and has no answer yet. */
export async function untilRead(project: TestProject, place: string): Promise<void> {
  await eventually(`a read of ${place}`, () => isBeingRead(project, place));
}

async function isBeingRead(project: TestProject, place: string): Promise<boolean> {
  const { records } = await project.client.storageRequests();
  return records.some(({ method, path, status }) =>
    method === "GET" && path.includes(place) && status === 0
  );
}

/**
 * Holds a run between what it compared and what it commits: while it reads `place`, its row is
 * locked, so that nothing is committed before `release`. That must be within the ten seconds for
 * which a function waits for a lock.
 */
export async function holdRun(project: TestProject, run: string, place: string): Promise<Hold> {
  await untilRead(project, place);
  const sql = connect(project.client.info.adminDatabaseUrl);
  await sql`begin`;
  await sql`select from holdfast.runs where id = ${run} for update`;
  assert.ok(await isBeingRead(project, place), "the read ended before the run was held");
  let released: Promise<void> | undefined;
  const end = async () => {
    await sql`commit`;
    await sql.end({ timeout: 5 });
  };
  const release = () => released ??= end();
  return { release, [Symbol.asyncDispose]: release };
}
