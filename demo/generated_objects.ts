import { Buffer } from "node:buffer";
import { createCipheriv } from "node:crypto";
import { DOCUMENTS, ownedBy, SITE } from "./buckets.ts";
import type { DemoObject, Location } from "./objects.ts";

/** More than two of Holdfast's 8 MiB parts, so that the backup uploads it in three parts. */
const LARGE_BYTES = 17 * 1024 * 1024;

const USERS = ["ada10000-0000-4000-8000-000000000001", "b0b00000-0000-4000-8000-000000000002"];

/** Every character that Storage accepts in a name, besides letters, digits and the slash. */
export const ODD_CHARACTERS = "_!.*'() &$=@;:+,?-";

/** Names that clients and tools often handle incorrectly. */
const ODD_NAMES = [
  ...[...ODD_CHARACTERS].map((character) => `odd/a${character}b.txt`),
  `odd/${ODD_CHARACTERS}`,
  "odd//two slashes.txt",
  "/odd/leading slash.txt",
  "odd/trailing slash/",
  "odd/.hidden",
  "odd/ends with a space ",
  `odd/${"a very long name ".repeat(50)}.txt`,
];

/**
 * Objects with properties that real files lack: odd names, no bytes, many bytes, metadata, owners.
 */
export function madeObjects(): DemoObject[] {
  return [
    ...ODD_NAMES.map((name) => text({ bucket: SITE.id, name }, `This is ${JSON.stringify(name)}.`)),
    text({ bucket: SITE.id, name: "empty/nothing.txt" }, ""),
    text({ bucket: DOCUMENTS.id, name: "empty/nothing.txt" }, ""),
    text({ bucket: SITE.id, name: "new folder/.emptyFolderPlaceholder" }, ""),
    large({ bucket: SITE.id, name: "media/recording.bin" }),
    ...pictures(),
    ...described(),
    ...USERS.flatMap((user) =>
      ["notes.md", "plans/next year.md", "plans/budget (draft).md"].map((file) => ({
        ...text(ownedBy(user, file), `# ${file}\n\nOf ${user}.\n`, "text/markdown"),
        owner: user,
      }))
    ),
  ];
}

/** Minimal images of formats that packages seldom contain. */
function pictures(): DemoObject[] {
  const gif = Buffer.from("R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==", "base64");
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1z"/></svg>';
  return [
    object({ bucket: SITE.id, name: "pictures/pixel.gif" }, new Uint8Array(gif), "image/gif"),
    text({ bucket: SITE.id, name: "pictures/corner.svg" }, svg, "image/svg+xml"),
  ];
}

/** Objects with user metadata, owners or their own headers. */
function described(): DemoObject[] {
  const describe = (name: string, cacheControl: string, userMetadata: Record<string, unknown>) => ({
    ...text({ bucket: SITE.id, name: `described/${name}` }, `${name}\n`),
    cacheControl,
    userMetadata,
  });
  return [
    describe("photo.txt", "public, max-age=31536000, immutable", { taken: "2026-11-20", iso: 400 }),
    describe("song.txt", "no-store", { title: "Übermut — 喜び", tags: ["live", "", "ß"] }),
    describe("nested.txt", "max-age=60", { a: { b: { c: [1, 2.5, null, true] } }, "": "no name" }),
  ];
}

function text(location: Location, words: string, type = "text/plain"): DemoObject {
  return object(location, new TextEncoder().encode(words), type);
}

function object(location: Location, bytes: Uint8Array<ArrayBuffer>, type: string): DemoObject {
  return { ...location, size: bytes.length, type, read: () => Promise.resolve(bytes) };
}

/** A large object of incompressible bytes, which are the same in every run. */
function large(location: Location): DemoObject {
  return {
    ...location,
    size: LARGE_BYTES,
    type: "application/octet-stream",
    cacheControl: "max-age=3600",
    read: () => {
      const cipher = createCipheriv("aes-128-ctr", new Uint8Array(16), new Uint8Array(16));
      const bytes = new Uint8Array(cipher.update(new Uint8Array(LARGE_BYTES)));
      // Releases the cipher. A stream cipher returns no further bytes here.
      cipher.final();
      return Promise.resolve(bytes);
    },
  };
}
