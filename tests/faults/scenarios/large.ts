import { bytesOf, createBucket, upload } from "../../e2e/support/objects.ts";
import type { Scenario } from "./scenario.ts";

const PART_BYTES = 8 * 1024 * 1024;

/** An object of three parts, beside a small one. */
export const large: Scenario = {
  name: "large",
  async given(scene) {
    const { project } = await scene.source;
    await createBucket(project, "files");
    await upload(project, "files", "large", bytesOf(2 * PART_BYTES + 1));
    await upload(project, "files", "small");
  },
  async act(scene) {
    await (await scene.source).clockwork.succeed({ kind: "backup" });
  },
};
