import { bytesOf, upload } from "../../support/objects.ts";
import type { Environment } from "../environment/environment.ts";
import { fillSource } from "./first_backup.ts";
import type { Scenario } from "./scenario.ts";

const OBJECTS = 6;
const UPLOADS = 6;

/**
 * What crashed workers leave behind: objects in the bucket without a row, and uploads of runs that ended.
 */
export const orphaned: Scenario = {
  name: "orphaned",
  focus: { weight: 5, on: ["s3 HEAD", "s3 DELETE", "s3 PUT", "storage GET"] },
  async setUp(environment) {
    await fillSource(environment);
    await (await environment.source).scheduler.succeed({ kind: "backup" });
    await orphan(environment, 1);
  },
  async act(environment) {
    await (await environment.source).scheduler.succeed({ kind: "backup" });
  },
  changeBetweenRounds: (environment) => orphan(environment, environment.proxy.steps.length),
};

async function orphan(environment: Environment, seed: number): Promise<void> {
  const { project } = await environment.source;
  for (let n = 0; n < OBJECTS; n++) {
    const bytes = bytesOf(60 + n, seed + n);
    await upload(project, "one", `orphaned/${n}`, bytes);
    const [row] = await project.sql<{ version: string }[]>`
      select version from storage.objects where bucket_id = 'one' and name = ${`orphaned/${n}`}`;
    const key = `${project.reader.prefix}/data/one/orphaned/${n}/${row!.version}`;
    await project.bucket.put(key, bytes);
  }
  await project.sql`
    insert into holdfast_private.uploads (run, repository, bucket_id, name, object, key, part_size, upload_id)
    select null, r.id, 'one', 'deleted/' || n, '{}', 'data/one/deleted/' || n, 8388608,
      replace(gen_random_uuid()::text, '-', '')
    from holdfast_private.repositories r, generate_series(1, ${UPLOADS}::integer) as n`;
}
