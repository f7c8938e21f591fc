import { join } from "node:path";
import type { Check } from "./check.ts";
import { functionNames } from "./deno_checks.ts";
import { readSourceFiles, type SourceFile } from "./source_files.ts";

/** Name → specifier, as in deno.json. */
export type Imports = Record<string, string>;

const EXACT = /^npm:(@[a-z0-9-]+\/)?[a-z0-9.-]+@\d+\.\d+\.\d+(-[a-z0-9.-]+)?$/;

/** Matches `npm:name@version` in source text; the groups are name and version. */
const SPECIFIER = /["']npm:((?:@[a-z0-9-]+\/)?[a-z0-9.-]+)@?([^"'/]*)[^"']*["']/g;

/** Tests are exempt: they are not deployed, and some import a specific version on purpose. */
const TEST = /^tests\//;

/** Requires the same exact versions everywhere, so that projects deploy the tested versions. */
export const importsCheck: Check = {
  name: "exact and equal versions in deno.json, each function's deno.json and npm: specifiers",
  async run({ path }) {
    const root = await readImports(join(path, "deno.json"));
    const faults = findInexact("deno.json", root);
    for (const name of await functionNames(path)) {
      const file = `supabase/functions/${name}/deno.json`;
      faults.push(...compareImports(file, await readImports(join(path, file)), root));
    }
    for (const source of await readSourceFiles(path)) {
      if (source.path.endsWith(".ts") && !TEST.test(source.path)) {
        faults.push(...findOtherVersions(source, root));
      }
    }
    return faults;
  },
};

/** Finds imports without an exact version. */
export function findInexact(file: string, imports: Imports): string[] {
  return Object.entries(imports).filter(([, specifier]) => !EXACT.test(specifier))
    .map(([name, specifier]) => `${file}: ${name} is ${specifier}, which is no exact npm version`);
}

/** Finds imports of a function that differ from the root's deno.json. */
export function compareImports(file: string, imports: Imports, root: Imports): string[] {
  return Object.entries(imports).filter(([name, specifier]) => root[name] !== specifier)
    .map(([name, specifier]) =>
      `${file}: ${name} is ${specifier}, and in deno.json it is ${root[name] ?? "not there"}`
    );
}

/** Finds specifiers in a source text whose version differs from deno.json. */
export function findOtherVersions({ path, text }: SourceFile, root: Imports): string[] {
  return [...text.matchAll(SPECIFIER)]
    .filter(([, name, version]) => root[name!] !== `npm:${name}@${version}`)
    .map(([, name, version]) =>
      `${path}: npm:${name}@${version}, and in deno.json it is ${root[name!] ?? "not there"}`
    );
}

async function readImports(file: string): Promise<Imports> {
  const { imports = {} }: { imports?: Imports } = JSON.parse(await Deno.readTextFile(file));
  return imports;
}
