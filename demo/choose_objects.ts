import { basename, resolve } from "node:path";
import { bucketFor } from "./buckets.ts";
import { contentTypeOf } from "./content_types.ts";
import { readFolderFiles } from "./user_files.ts";
import type { LocalFile } from "./local_files.ts";
import { madeObjects } from "./generated_objects.ts";
import { Namer } from "./names.ts";
import type { DemoObject } from "./objects.ts";
import { CHECKOUT, readOwnFiles } from "./own_files.ts";
import { countOf } from "./words.ts";

/** The objects to upload, and remarks on their origin and on skipped files. */
export interface Choice {
  readonly objects: readonly DemoObject[];
  readonly remarks: readonly string[];
}

/** The cache-control of uploaded files. It is the default of Supabase's own clients. */
const CACHE_CONTROL = "max-age=3600";

/**
 * Chooses the objects to upload: files and generated objects.
 *
 * @param folder the folder to read; this checkout and its packages if undefined
 * @throws DemoError with exit status 2 if the folder has no usable file
 */
export async function chooseObjects(folder: string | undefined): Promise<Choice> {
  const made = madeObjects();
  const namer = new Namer(made.map((object) => object.name));
  const selected = folder === undefined ? undefined : await readFolderFiles(folder);
  const files = selected?.files ?? await readOwnFiles(CHECKOUT);
  const objects = files.flatMap((file) => {
    const name = namer.name(file.name);
    return name === undefined ? [] : [fileObject(file, name)];
  });
  const origin = folder === undefined ? "of this checkout and its packages" : `below ${folder}`;
  return {
    objects: [...objects, ...made],
    remarks: [
      `${countOf(objects.length, "file")} ${origin}, and ${made.length} made here: odd names, ` +
      "empty ones, a large one, user metadata, owners",
      ...describeSkipped({ ...selected, longName: namer.refused }),
      ...(namer.renamed > 0
        ? [`${countOf(namer.renamed, "file")} renamed: Storage refuses some characters`]
        : []),
    ],
  };
}

function fileObject(file: LocalFile, name: string): DemoObject {
  const type = contentTypeOf(basename(file.name));
  return {
    bucket: bucketFor(type, file.size).id,
    name,
    size: file.size,
    type,
    cacheControl: CACHE_CONTROL,
    read: () => Deno.readFile(file.path),
  };
}

function describeSkipped(
  counts: { tooLarge?: number; special?: number; unreadable?: number; longName: number },
): string[] {
  const reasons: [number | undefined, string][] = [
    [counts.tooLarge, "above 256 MiB"],
    [counts.unreadable, "that may not be read"],
    [counts.special, "that are links or no files"],
    [counts.longName, "with names too long for Storage"],
  ];
  const named = reasons.flatMap(([count, reason]) => count ? [`${count} ${reason}`] : []);
  return named.length > 0 ? [`left out: ${named.join(", ")}`] : [];
}

/** Resolves a typed path from where the user typed it: `deno task` changes into the checkout. */
export function resolveTyped(path: string): string {
  return resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), path);
}
