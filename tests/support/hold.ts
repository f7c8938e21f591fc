import assert from "node:assert/strict";
import { connect } from "../../stack/postgres/connection.ts";
import { eventually } from "./eventually.ts";
import type { TestProject } from "./project.ts";

/** Duration of a read that is not resumed. A slice waits for one minute. */
const READ_MILLISECONDS = 45_000;

/** A run that cannot commit until it is released. */
export interface Hold extends AsyncDisposable {
  release(): Promise<void>;
}

/**
 * Delays a read of an object until `letRead`: the next read, or the one after `skip` reads. Call it
 * before the run starts.
 */
export async function slowRead(project: TestProject, location: string, skip = 0): Promise<void> {
  await project.addStorageFault({
    route: "GET object/authenticated",
    pathContains: location,
    skip,
    fault: { delayMilliseconds: READ_MILLISECONDS },
  });
}

/** Resumes delayed reads and removes all of Storage's faults. */
export async function letRead(project: TestProject): Promise<void> {
  await project.client.call("clearStorageFaults", {});
}

/** Waits until a read of an object is in progress. */
export async function untilRead(project: TestProject, location: string): Promise<void> {
  await eventually(`a read of ${location}`, () => isBeingRead(project, location));
}

async function isBeingRead(project: TestProject, location: string): Promise<boolean> {
  const { records } = await project.client.storageRequests();
  return records.some(({ method, path, status }) =>
    method === "GET" && path.includes(location) && status === 0
  );
}

/**
 * Holds a run between its comparison and its commit. The run's row is locked while the run reads
 * `location`, so nothing is committed before `release`. The run's own lock_timeout does not apply,
 * because it requests the lock only after the read.
 */
export async function holdRun(project: TestProject, run: string, location: string): Promise<Hold> {
  await untilRead(project, location);
  const sql = connect(project.client.info.adminDatabaseUrl);
  await sql`begin`;
  await sql`select from holdfast_private.runs where id = ${run} for update`;
  assert.ok(await isBeingRead(project, location), "the read ended before the run was held");
  let released: Promise<void> | undefined;
  const end = async () => {
    await letRead(project);
    await sql`commit`;
    await sql.end({ timeout: 5 });
  };
  const release = () => released ??= end();
  return { release, [Symbol.asyncDispose]: release };
}
