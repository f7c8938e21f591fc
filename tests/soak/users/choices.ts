import type { UploadOptions } from "../../e2e/support/objects.ts";
import type { Random } from "../../simulation/run/random.ts";
import type { ObjectState, ReferenceModel } from "../model/reference_model.ts";

/** The buckets that there may be; some are always there. */
export const BUCKETS = ["one", "two", "three", "four", "five"] as const;
/** Buckets that are never deleted. */
export const LASTING_BUCKETS: readonly string[] = ["one", "two"];

/** So many objects there are, more or less. */
const USUAL_OBJECTS = 250;

/** Folders of names, some of which need care in URLs and in keys. */
const FOLDERS = ["", "docs/", "docs/2026/", "a b/", "plus+and&/", "q?x/", ".hidden/", "twice//"];
const NAMES_IN_FOLDER = 25;

const TYPES = ["text/plain", "image/png", "application/json", "text/html"];
const CACHE_CONTROLS = ["no-cache", "max-age=60", "max-age=3600"];

/** Bytes of objects by size class: how often, and how many at most. One goes by parts. */
const SIZES: readonly { readonly share: number; readonly atMost: number }[] = [
  { share: 0.002, atMost: 10 * 1024 * 1024 },
  { share: 0.01, atMost: 1024 * 1024 },
  { share: 0.2, atMost: 64 * 1024 },
  { share: 0.03, atMost: 0 },
  { share: 1, atMost: 2 * 1024 },
];

/** How full the project is: 0 with no object, 1 with as many as usual. */
export function fullness(model: ReferenceModel): number {
  return model.now().length / USUAL_OBJECTS;
}

/** A place to put something, taken or not. */
export function choosePlace(
  random: Random,
  model: ReferenceModel,
): { bucket: string; name: string } {
  const bucket = random.one(openBuckets(model));
  return { bucket, name: `${random.one(FOLDERS)}${random.between(1, NAMES_IN_FOLDER)}` };
}

/** The buckets that are there now. */
export function openBuckets(model: ReferenceModel): string[] {
  return BUCKETS.filter((id) => model.buckets.some((it) => it.id === id && it.gone === undefined));
}

/** One of the objects that are there, whose bytes are. */
export function chooseObject(random: Random, model: ReferenceModel): ObjectState | undefined {
  const states = model.now().filter(({ bytesLost }) => bytesLost === undefined);
  return states.length === 0 ? undefined : random.one(states);
}

/** Bytes that no other object has, of a usual length. */
export function chooseBytes(random: Random): Uint8Array<ArrayBuffer> {
  const { atMost } = SIZES.find(({ share }) => random.chance(share))!;
  const bytes = new Uint8Array(random.between(Math.min(1, atMost), atMost));
  const words = new DataView(bytes.buffer, 0, bytes.length);
  // The rest may be zeros: a few words tell any two apart.
  for (let at = 0; at + 4 <= Math.min(bytes.length, 64); at += 4) {
    words.setUint32(at, random.between(0, 2 ** 32 - 1));
  }
  return bytes;
}

/** What an upload says beside the bytes. */
export function chooseOptions(random: Random): UploadOptions {
  return {
    type: random.one(TYPES),
    cacheControl: random.one(CACHE_CONTROLS),
    ...(random.chance(0.4) && { userMetadata: { n: random.between(0, 1_000_000) } }),
  };
}
