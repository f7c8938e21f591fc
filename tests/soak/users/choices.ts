import type { UploadOptions } from "../../support/objects.ts";
import type { Random } from "../../simulation/run/random.ts";
import type { ObjectState, ReferenceModel } from "../model/reference_model.ts";

/** The names of all buckets. Some exist always. */
export const BUCKETS = ["one", "two", "three", "four", "five"] as const;
/** Buckets that are never deleted. */
export const LASTING_BUCKETS: readonly string[] = ["one", "two"];

/** The approximate number of objects. */
const USUAL_OBJECTS = 250;

/** Folders; some have characters that URLs or keys must encode. */
const FOLDERS = ["", "docs/", "docs/2026/", "a b/", "plus+and&/", "q?x/", ".hidden/", "twice//"];
const NAMES_IN_FOLDER = 25;

const TYPES = ["text/plain", "image/png", "application/json", "text/html"];
const CACHE_CONTROLS = ["no-cache", "max-age=60", "max-age=3600"];

/** Size classes of objects: their share and largest size in bytes. One needs a multipart upload. */
const SIZES: readonly { readonly share: number; readonly atMost: number }[] = [
  { share: 0.002, atMost: 10 * 1024 * 1024 },
  { share: 0.01, atMost: 1024 * 1024 },
  { share: 0.2, atMost: 64 * 1024 },
  { share: 0.03, atMost: 0 },
  { share: 1, atMost: 2 * 1024 },
];

/** How full the project is: 0 without objects, 1 with the usual number. */
export function fullness(model: ReferenceModel): number {
  return model.now().length / USUAL_OBJECTS;
}

/** Chooses a path, free or not. */
export function choosePath(
  random: Random,
  model: ReferenceModel,
): { bucket: string; name: string } {
  const bucket = random.one(openBuckets(model));
  return { bucket, name: `${random.one(FOLDERS)}${random.between(1, NAMES_IN_FOLDER)}` };
}

/** The existing buckets. */
export function openBuckets(model: ReferenceModel): string[] {
  return BUCKETS.filter((id) =>
    model.buckets.some((it) => it.id === id && it.deleted === undefined)
  );
}

/** Chooses an existing object whose bytes were not lost. */
export function chooseObject(random: Random, model: ReferenceModel): ObjectState | undefined {
  const states = model.now().filter(({ bytesLost }) => bytesLost === undefined);
  return states.length === 0 ? undefined : random.one(states);
}

/** Chooses bytes that no other object has. */
export function chooseBytes(random: Random): Uint8Array<ArrayBuffer> {
  const { atMost } = SIZES.find(({ share }) => random.chance(share))!;
  const bytes = new Uint8Array(random.between(Math.min(1, atMost), atMost));
  const words = new DataView(bytes.buffer, 0, bytes.length);
  // A few random words make the bytes unique; the rest may be zeros.
  for (let at = 0; at + 4 <= Math.min(bytes.length, 64); at += 4) {
    words.setUint32(at, random.between(0, 2 ** 32 - 1));
  }
  return bytes;
}

/** Chooses the metadata of an upload. */
export function chooseOptions(random: Random): UploadOptions {
  return {
    type: random.one(TYPES),
    cacheControl: random.one(CACHE_CONTROLS),
    ...(random.chance(0.4) && { userMetadata: { n: random.between(0, 1_000_000) } }),
  };
}
