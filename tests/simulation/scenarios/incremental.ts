import { bytesOf, createBucket, ok, upload } from "../../support/objects.ts";
import type { Environment } from "../environment/environment.ts";
import { fillSource } from "./first_backup.ts";
import type { Scenario } from "./scenario.ts";

/** Makes every kind of change that a backup distinguishes. */
export async function changeSource(environment: Environment): Promise<void> {
  const { project } = await environment.source;
  const one = project.storage.from("one");
  await upload(project, "one", "folder/0", bytesOf(70, 100));
  await ok(one.move("folder/1", "moved"));
  await ok(one.move("folder/3", "moved", { destinationBucket: "two" }));
  await project.sql`
    update storage.objects set user_metadata = '{"edited": true}'
    where bucket_id = 'one' and name = 'folder/2'`;
  await ok(project.storage.from("two").remove(["z"]));
  await upload(project, "two", "new", "of this night");
  await createBucket(project, "three");
  await upload(project, "three", "first", "in a new bucket");
}

/** A backup after changes of every kind. */
export const incremental: Scenario = {
  name: "incremental",
  async setUp(environment) {
    await fillSource(environment);
    await (await environment.source).scheduler.succeed({ kind: "backup" });
    await changeSource(environment);
  },
  async act(environment) {
    await (await environment.source).scheduler.succeed({ kind: "backup" });
  },
};
