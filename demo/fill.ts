import { connect } from "../stack/postgres/connection.ts";
import type { ProjectClient } from "../stack/project_client.ts";
import { BUCKETS, OWNER_POLICY } from "./buckets.ts";
import type { DemoObject } from "./objects.ts";
import { forEachObject } from "./pool.ts";
import type { Progress } from "./screen.ts";
import { mustSucceed, storageClient, uploadObject } from "./storage.ts";

/** Creates the buckets and the policy, and uploads the objects. */
export async function fillProject(
  project: ProjectClient,
  objects: readonly DemoObject[],
  progress: Progress,
): Promise<void> {
  progress.expect(objects.length);
  const storage = storageClient(project.info);
  for (const { id, public: isPublic, fileSizeLimit, allowedMimeTypes } of BUCKETS) {
    const options = {
      public: isPublic,
      fileSizeLimit,
      allowedMimeTypes: allowedMimeTypes && [...allowedMimeTypes],
    };
    await mustSucceed(`making the bucket ${id}`, storage.createBucket(id, options));
  }
  await using sql = connect(project.info.databaseUrl);
  await sql.unsafe(OWNER_POLICY);
  await forEachObject(objects, (object) => object.size, async (object) => {
    await uploadObject(project.info, object);
    progress.advance();
  });
}
