import { dirname, join } from "node:path/posix";
import type { Check } from "./check.ts";
import { readSourceFiles, type SourceFile } from "./source_files.ts";

const SHARED = "supabase/functions/_holdfast/";

/**
 * The layers of `_holdfast`, and the other layers that each may import. docs/CONTRIBUTING.md shows
 * them: functions, app, jobs, transfer, project and repository, destinations, lib.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  app: ["jobs", "transfer", "engine", "project", "repository", "destinations", "lib"],
  jobs: ["transfer", "engine", "project", "repository", "destinations", "lib"],
  transfer: ["project", "repository", "destinations", "lib"],
  engine: ["lib"],
  project: ["destinations", "lib"],
  repository: ["destinations", "lib"],
  destinations: ["lib"],
  lib: [],
  config: ["lib"],
  observability: ["lib"],
};

/** Every layer may import these. */
const OPEN = new Set(["config", "observability"]);

/** Folders outside of `supabase/functions`, and the paths that their files may not import. */
const OUTSIDE: readonly { folder: string; not: RegExp; why: string }[] = [
  { folder: "demo/", not: /^tests\//, why: "the demo is part of the product" },
  { folder: "cli/", not: /^(tests|stack|demo)\//, why: "the command is part of the product" },
  { folder: "stack/", not: /^(tests|demo)\//, why: "the stack serves the demo, too" },
];

/** `from "./x.ts"`, `import "./x.ts"` and `import("./x.ts")`. */
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g;

/** An import of one file of this repository by another. */
export interface Import {
  from: string;
  to: string;
}

/** Checks that imports follow the order of the layers and form no cycles. */
export const layersCheck: Check = {
  name: "imports between folders go one way",
  async run({ path }) {
    const sources = (await readSourceFiles(path)).filter((source) => source.path.endsWith(".ts"));
    return checkLayers(sources);
  },
};

/**
 * Finds imports that violate the layers, cycles of imports, and files directly in the root of
 * `_holdfast`.
 *
 * @param sources TypeScript files, with paths from the root of the repository
 * @returns one message for each fault
 */
export function checkLayers(sources: readonly SourceFile[]): string[] {
  const imports = sources.flatMap(importsOf);
  return [
    ...sources.map(({ path }) => path).flatMap(misplaced),
    ...imports.flatMap((each) => {
      const why = forbidden(each);
      return why === undefined ? [] : [`${each.from} imports ${each.to}: ${why}`];
    }),
    ...findCircles(imports.filter(({ from }) => from.startsWith(SHARED))).map((circle) =>
      `a circle of imports: ${circle.join(" → ")}`
    ),
  ];
}

/** Finds the imports of other files in a source text. It also finds imports inside comments. */
export function importsOf({ path, text }: SourceFile): Import[] {
  return [...text.matchAll(IMPORT)].map(([, specifier]) => ({
    from: path,
    to: join(dirname(path), specifier!),
  }));
}

function misplaced(path: string): string[] {
  if (!path.startsWith(SHARED)) return [];
  const [layer, ...rest] = path.slice(SHARED.length).split("/");
  if (rest.length === 0) return [`${path}: no file lies at the root of _holdfast`];
  return layer! in MAY_IMPORT ? [] : [`${path}: ${layer} is no folder of the layout`];
}

/** The reason why an import is forbidden; undefined if it is allowed. */
function forbidden({ from, to }: Import): string | undefined {
  const outside = OUTSIDE.find(({ folder, not }) => from.startsWith(folder) && not.test(to));
  if (outside) return outside.why;
  if (isFunction(from)) {
    return isFunction(to) || layerOf(to) === "app" ? undefined : "a function imports app alone";
  }
  const layer = layerOf(from);
  if (layer === undefined) return undefined;
  const other = layerOf(to);
  if (other === undefined) return "it is no file of _holdfast";
  if (layer === "jobs" && other === "jobs") {
    return jobOf(from) === jobOf(to) ? undefined : "no job imports another";
  }
  if (layer === other || OPEN.has(other)) return undefined;
  if (MAY_IMPORT[layer]?.includes(other)) return undefined;
  return `${layer} may not import ${other}`;
}

function isFunction(path: string): boolean {
  return /^supabase\/functions\/[^_]/.test(path);
}

function layerOf(path: string): string | undefined {
  return path.startsWith(SHARED) ? path.slice(SHARED.length).split("/")[0] : undefined;
}

/** The name of a file's folder below jobs/. A file directly in jobs/ counts as a separate job. */
function jobOf(path: string): string | undefined {
  return path.slice(`${SHARED}jobs/`.length).split("/")[0];
}

/**
 * Finds cycles of imports. Each starts and ends with its alphabetically first file. If several
 * cycles share files, at least one of them is found.
 */
export function findCircles(imports: readonly Import[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { from, to } of imports) next.set(from, [...next.get(from) ?? [], to]);
  const done = new Set<string>();
  const circles = new Map<string, string[]>();
  const walk = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) {
      const circle = fromFirst(path.slice(start));
      circles.set(circle.join("\n"), circle);
      return;
    }
    if (done.has(file)) return;
    for (const other of next.get(file) ?? []) walk(other, [...path, file]);
    done.add(file);
  };
  for (const file of [...next.keys()].sort()) walk(file, []);
  return [...circles.values()];
}

function fromFirst(circle: readonly string[]): string[] {
  const first = circle.indexOf([...circle].sort()[0]!);
  const turned = [...circle.slice(first), ...circle.slice(0, first)];
  return [...turned, turned[0]!];
}
