/** Backups of more than a slice, and one that stops between two of them. */
import { TestProject } from "./project.ts";
import { schedule } from "./tick.ts";

/** More than one slice does: names that need no request, so that the test is quick. */
export const ROWS = 2_000;
/** Little, so that a slice does not do them all. */
const CPU_MILLISECONDS = 200;

/** A project whose slices are short. */
export async function createProject(): Promise<TestProject> {
  const project = await TestProject.create();
  await project.client.setSecrets({ HOLDFAST_CPU_MILLISECONDS: `${CPU_MILLISECONDS}` });
  await schedule(project);
  return project;
}

/** Gives the bucket `files` the rows, all in one folder. */
export async function addRows(project: TestProject, folder: string): Promise<void> {
  await project.sql`
    insert into storage.objects (bucket_id, name, version, metadata)
    select 'files', ${folder}::text || '/../' || n, gen_random_uuid(), '{"size": 1}'
    from generate_series(1, ${ROWS}) n`;
}

/** Starts a backup whose first slice ends, and what it posts is lost. */
export async function startAndStop(project: TestProject): Promise<string> {
  await project.client.dropNet(1);
  const run = await project.start("backup/runs");
  await project.client.functionsIdle();
  await project.client.drainNet();
  await project.client.functionsIdle();
  return run;
}
