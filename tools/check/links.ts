import { dirname, join, normalize } from "node:path";
import type { Check } from "./check.ts";
import { anchors, links } from "./markdown.ts";
import { readSourceFiles } from "./source_files.ts";

const OUTSIDE = /^([a-z][a-z0-9+.-]*:|\/\/)/i;

/** Checks that relative links lead to existing files and anchors. */
export const linksCheck: Check = {
  name: "relative links and anchors in *.md",
  async run({ path }) {
    const files = await readSourceFiles(path);
    const texts = new Map(
      files.filter((file) => file.path.endsWith(".md"))
        .map((file) => [file.path, file.text]),
    );
    const faults: string[] = [];
    for (const [file, text] of texts) {
      for (const { target, line } of links(text)) {
        if (OUTSIDE.test(target)) continue;
        const fault = await findFault(path, file, target, texts);
        if (fault !== undefined) faults.push(`${file}:${line}: ${target} ${fault}`);
      }
    }
    return faults;
  },
};

async function findFault(
  repository: string,
  file: string,
  target: string,
  texts: Map<string, string>,
): Promise<string | undefined> {
  const [address = "", anchor] = decodeURIComponent(target).split("#");
  const linked = address === "" ? file : normalize(join(dirname(file), address));
  if (linked.startsWith("..")) return "leads out of the repository";
  try {
    await Deno.stat(join(repository, linked));
  } catch {
    return "is not there";
  }
  const text = texts.get(linked);
  if (anchor === undefined || text === undefined) return undefined;
  return anchors(text).has(anchor) ? undefined : `has no heading #${anchor}`;
}
