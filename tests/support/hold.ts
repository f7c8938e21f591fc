import assert from "node:assert/strict";
import { connect } from "../../stack/postgres/connection.ts";
import { eventually } from "./eventually.ts";
import type { TestProject } from "./project.ts";

/** So long does a read take that nobody lets go: a slice waits for a minute. */
const READ_MILLISECONDS = 45_000;

/** A run that cannot commit anything until it is let go. */
export interface Hold extends AsyncDisposable {
  release(): Promise<void>;
}

/**
 * Has a read of an object wait for `letRead`: the next one, or the one behind so many. To be called
 * before the run begins.
 */
export async function slowRead(project: TestProject, place: string, skip = 0): Promise<void> {
  await project.addStorageFault({
    route: "GET object/authenticated",
    pathContains: place,
    skip,
    fault: { delayMilliseconds: READ_MILLISECONDS },
  });
}

/** Lets what is slow go on, and takes back all of Storage's faults. */
export async function letRead(project: TestProject): Promise<void> {
  await project.client.call("clearStorageFaults", {});
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
 * locked, so that nothing is committed before `release`. The run's own lock_timeout is of no
 * matter, for it asks for the lock only when the read is done.
 */
export async function holdRun(project: TestProject, run: string, place: string): Promise<Hold> {
  await untilRead(project, place);
  const sql = connect(project.client.info.adminDatabaseUrl);
  await sql`begin`;
  await sql`select from holdfast_private.runs where id = ${run} for update`;
  assert.ok(await isBeingRead(project, place), "the read ended before the run was held");
  let released: Promise<void> | undefined;
  const end = async () => {
    await letRead(project);
    await sql`commit`;
    await sql.end({ timeout: 5 });
  };
  const release = () => released ??= end();
  return { release, [Symbol.asyncDispose]: release };
}
