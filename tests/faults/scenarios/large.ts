import { bytesOf, createBucket, upload } from "../../support/objects.ts";
import type { Scenario } from "./scenario.ts";

const PART_BYTES = 8 * 1024 * 1024;

/** An object of three parts, beside a small one. */
export const large: Scenario = {
  name: "large",
  storm: {
    weight: 14,
    on: ["s3 create upload", "s3 put part", "s3 complete upload"],
  },
  async given(scene) {
    const { project } = await scene.source;
    await createBucket(project, "files");
    await upload(project, "files", "large", bytesOf(2 * PART_BYTES + 1));
    await upload(project, "files", "small");
  },
  async stir(scene) {
    const { project } = await scene.source;
    const bytes = bytesOf(PART_BYTES + 1, scene.door.steps.length);
    await upload(project, "files", "large", bytes);
  },
  async act(scene) {
    await (await scene.source).clockwork.succeed({ kind: "backup" });
  },
};
