/** Holdfast's version, as in CHANGELOG.md. Every snapshot records the version that sealed it. */
export const VERSION = "0.1.0";

/** The repository format that this version writes. It is also the newest that it can read. */
export const FORMAT_VERSION = 1;
