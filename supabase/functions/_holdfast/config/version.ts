/** Holdfast's version, as in CHANGELOG.md; it stands in every snapshot that it seals. */
export const VERSION = "0.1.0";

/** The repository format that this version writes and the newest that it reads. */
export const FORMAT_VERSION = 1;
