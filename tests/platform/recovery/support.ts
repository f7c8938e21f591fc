import { join } from "node:path";
import { digestOf } from "../../../stack/repository_reader.ts";
import type { TestProject } from "../../support/project.ts";

/** Fetches the script from the bucket and runs it as its guide says. */
export async function recover(project: TestProject, folder: string, ...words: string[]) {
  return await recoverWith(project, folder, {}, ...words);
}

/** The same, with more in the environment. */
export async function recoverWith(
  project: TestProject,
  folder: string,
  env: Record<string, string>,
  ...words: string[]
) {
  const script = join(folder, "recover-v1.sh");
  await Deno.writeFile(script, (await project.bucket.get("holdfast/recover-v1.sh"))!);
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: [script, join(folder, "restored"), ...words],
    env: {
      AWS_ACCESS_KEY_ID: project.repository.accessKeyId,
      AWS_SECRET_ACCESS_KEY: project.repository.secretAccessKey,
      ...env,
    },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, said: text(stdout), complained: text(stderr) };
}

/** SHA-256 of every file below a folder, sorted. */
export async function digestsBelow(folder: string): Promise<string[]> {
  const digests: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) digests.push(...await digestsBelow(path));
    else if (name !== "holdfast-entries.ndjson") digests.push(digestOf(await Deno.readFile(path)));
  }
  return digests.sort();
}

/** Acts in a folder that is removed afterwards. */
export async function inFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "holdfast-recovery-" });
  try {
    await act(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
