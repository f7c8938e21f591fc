import { bytesOf, createBucket, upload } from "../../support/objects.ts";
import type { Scenario } from "./scenario.ts";

const PART_BYTES = 8 * 1024 * 1024;

/** An object of three parts and a small one. */
export const large: Scenario = {
  name: "large",
  focus: {
    weight: 14,
    on: ["s3 create upload", "s3 put part", "s3 complete upload"],
  },
  async setUp(environment) {
    const { project } = await environment.source;
    await createBucket(project, "files");
    await upload(project, "files", "large", bytesOf(2 * PART_BYTES + 1));
    await upload(project, "files", "small");
  },
  async changeBetweenRounds(environment) {
    const { project } = await environment.source;
    const bytes = bytesOf(PART_BYTES + 1, environment.proxy.steps.length);
    await upload(project, "files", "large", bytes);
  },
  async act(environment) {
    await (await environment.source).scheduler.succeed({ kind: "backup" });
  },
};
