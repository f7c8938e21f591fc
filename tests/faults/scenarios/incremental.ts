import { bytesOf, createBucket, ok, upload } from "../../support/objects.ts";
import type { Scene } from "../world/scene.ts";
import { fillSource } from "./first_backup.ts";
import type { Scenario } from "./scenario.ts";

/** Changes the source in every way that a backup tells apart. */
export async function changeSource(scene: Scene): Promise<void> {
  const { project } = await scene.source;
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

/** A backup after a night in which something of everything happened. */
export const incremental: Scenario = {
  name: "incremental",
  async given(scene) {
    await fillSource(scene);
    await (await scene.source).clockwork.succeed({ kind: "backup" });
    await changeSource(scene);
  },
  async act(scene) {
    await (await scene.source).clockwork.succeed({ kind: "backup" });
  },
};
