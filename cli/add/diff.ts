import { createTwoFilesPatch, FILE_HEADERS_ONLY } from "diff";

/**
 * The changes of a text file as a unified diff with three lines of context; empty if nothing
 * changes. `undefined` stands for a missing file.
 */
export function unifiedDiff(
  path: string,
  before: Uint8Array | undefined,
  after: Uint8Array | undefined,
): string {
  const [from, to] = [before, after].map((bytes) => new TextDecoder().decode(bytes)) as [
    string,
    string,
  ];
  if (from === to) return "";
  return createTwoFilesPatch(
    before === undefined ? "/dev/null" : path,
    after === undefined ? "/dev/null" : path,
    from,
    to,
    undefined,
    undefined,
    { context: 3, headerOptions: FILE_HEADERS_ONLY },
  );
}
