import { refusal } from "./errors.ts";

const OBJECT_NAME = /^[A-Za-z0-9_/!.*'() &$=@;:+,?-]+$/;
const BUCKET_NAME = /^[A-Za-z0-9_!.*'() &$=@;:+,?-]{1,100}$/;
const SIZE_WITH_UNIT = /^([0-9]+(?:\.[0-9]+)?)(gb|mb|kb|b)$/i;
const UNIT_BYTES: Record<string, number> = { gb: 1e9, mb: 1e6, kb: 1000, b: 1 };

/** @throws StorageError InvalidKey for an object name that Storage refuses. */
export function checkObjectName(name: string): void {
  if (!OBJECT_NAME.test(name)) throw refusal.invalidKey(name);
}

/** @throws StorageError InvalidBucketName. */
export function checkBucketName(name: string): void {
  if (!BUCKET_NAME.test(name)) throw refusal.invalidBucketName();
}

/** Whether an object is the placeholder of an empty folder, which must have no bytes. */
export function isEmptyFolder(name: string): boolean {
  return name.endsWith(".emptyFolderPlaceholder");
}

/**
 * Bytes of a size such as `20GB` or `1.5mb`; decimal units.
 *
 * @throws StorageError InvalidRequest.
 */
export function parseSize(text: string): number {
  const match = SIZE_WITH_UNIT.exec(text);
  if (!match) {
    throw refusal.noContent("Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B");
  }
  return Number(parseFloat(match[1]).toPrecision(3)) * UNIT_BYTES[match[2].toLowerCase()];
}

/**
 * Checks a type against a bucket's list. The match is exact, except that an entry may end in `/*`:
 * `image/png; charset=x` is not `image/png`, but it is `image/*`.
 *
 * @throws StorageError InvalidMimeType.
 */
export function checkMimeType(mimetype: string, allowed: readonly string[]): void {
  const [type, subtype] = mimetype.split("/");
  if (subtype === undefined) throw refusal.invalidMimeType(mimetype);
  const allows = allowed.some((entry) => {
    const [allowedType, allowedSubtype] = entry.split("/");
    return allowedType === type && (allowedSubtype === "*" || allowedSubtype === subtype);
  });
  if (!allows) throw refusal.invalidMimeType(mimetype);
}

/** @throws StorageError InvalidMimeType for an entry that Storage refuses in a bucket's list. */
export function checkAllowedMimeTypes(types: readonly string[]): void {
  const entry = /^([a-zA-Z0-9\-+.]+)\/([a-zA-Z0-9\-+.]+)(;\s*charset=[a-zA-Z0-9-]+)?$|\*$/;
  for (const type of types) {
    if (type.length > 1000 || !entry.test(type)) throw refusal.invalidMimeType(type);
  }
}
