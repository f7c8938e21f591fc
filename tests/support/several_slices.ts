/** Backups of more than one slice, and a backup that stops between two slices. */
import { TestProject } from "./project.ts";
import { schedule } from "./tick.ts";

/** More rows than one slice processes. Their names need no requests, so the test is quick. */
export const ROWS = 2_000;
/** A short time, so that one slice does not process all rows. */
const CPU_MILLISECONDS = 200;

/** A project with short slices. */
export async function createProject(): Promise<TestProject> {
  const project = await TestProject.create();
  await project.client.setSecrets({ HOLDFAST_CPU_MILLISECONDS: `${CPU_MILLISECONDS}` });
  await schedule(project);
  return project;
}

/** Inserts the rows into the bucket `files`, all in one folder. */
export async function addRows(project: TestProject, folder: string): Promise<void> {
  await project.sql`
    insert into storage.objects (bucket_id, name, version, metadata)
    select 'files', ${folder}::text || '/../' || n, gen_random_uuid(), '{"size": 1}'
    from generate_series(1, ${ROWS}) n`;
}

/** Starts a backup whose first slice ends and whose post for the next slice is lost. */
export async function startAndStop(project: TestProject): Promise<string> {
  await project.client.dropNet(1);
  const run = await project.start("backup/runs");
  await project.client.functionsIdle();
  await project.client.drainNet();
  await project.client.functionsIdle();
  return run;
}
