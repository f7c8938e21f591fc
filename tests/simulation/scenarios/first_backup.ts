import { bytesOf, createBucket, upload } from "../../support/objects.ts";
import type { Environment } from "../environment/environment.ts";
import type { Scenario } from "./scenario.ts";

/** Fills two buckets. One has an object whose name no key can contain, and an empty object. */
export async function fillSource(environment: Environment): Promise<void> {
  const { project } = await environment.source;
  await createBucket(project, "one");
  await createBucket(project, "two", { public: true });
  for (let n = 0; n < 4; n++) {
    await upload(project, "one", `folder/${n}`, bytesOf(50 + n, n + 1), {
      type: "image/png",
      cacheControl: "max-age=60",
      userMetadata: { n },
    });
  }
  // Objects of users: Storage keeps the owner of an overwritten object.
  await project.sql`
    update storage.objects set owner_id = 'a user' where name in ('folder/0', 'folder/2')`;
  await upload(project, "two", "empty", new Uint8Array(0));
  await upload(project, "two", "a b?c", "odd");
  await upload(project, "two", "z", "last");
}

/** The first backup of a project, into an empty bucket. */
export const firstBackup: Scenario = {
  name: "first_backup",
  setUp: fillSource,
  async act(environment) {
    await (await environment.source).scheduler.succeed({ kind: "backup" });
  },
};
