import { join } from "node:path";
import type { Check } from "./check.ts";
import { functionNames } from "./deno_checks.ts";
import { readSourceFiles, type SourceFile } from "./source_files.ts";

/** Name → specifier, as in deno.json. */
export type Imports = Record<string, string>;

const EXACT = /^npm:(@[a-z0-9-]+\/)?[a-z0-9.-]+@\d+\.\d+\.\d+(-[a-z0-9.-]+)?$/;

/** `npm:name@version` in source text, with the version apart. */
const SPECIFIER = /["']npm:((?:@[a-z0-9-]+\/)?[a-z0-9.-]+)@?([^"'/]*)[^"']*["']/g;

/** Tests ship nowhere and some name a version on purpose. */
const TEST = /^tests\//;

/** The same exact versions everywhere: what is tested is what a project deploys. */
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

/** Imports that leave a choice of versions. */
export function findInexact(file: string, imports: Imports): string[] {
  return Object.entries(imports).filter(([, specifier]) => !EXACT.test(specifier))
    .map(([name, specifier]) => `${file}: ${name} is ${specifier}, which is no exact npm version`);
}

/** Imports of a function that are not what the root has. */
export function compareImports(file: string, imports: Imports, root: Imports): string[] {
  return Object.entries(imports).filter(([name, specifier]) => root[name] !== specifier)
    .map(([name, specifier]) =>
      `${file}: ${name} is ${specifier}, and in deno.json it is ${root[name] ?? "not there"}`
    );
}

/** Specifiers in a source text whose version is not the one of deno.json. */
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
