/** A command of a block of shell, as a shell would hand it on. */
export interface ShellCommand {
  words: string[];
  /** As it is written, its lines joined. */
  text: string;
  /** Of its first line in the block, from 0. */
  line: number;
}

/** Thrown for shell that the blocks do not use so far: then this must learn it. */
export class UnreadableShellError extends Error {
  override name = "UnreadableShellError";
}

/**
 * Reads the little shell that the documents use: words with and without quotes, `$NAME`, comments,
 * lines that end in a backslash.
 *
 * @throws {UnreadableShellError} for anything else, such as a pipe
 */
export function readShell(text: string, variables: ReadonlyMap<string, string>): ShellCommand[] {
  const commands: ShellCommand[] = [];
  let joined = "";
  let begun = 0;
  text.split("\n").forEach((line, index) => {
    if (joined === "") begun = index;
    joined += line.replace(/\\$/, "");
    if (line.endsWith("\\")) return;
    const words = wordsOf(joined, variables);
    if (words.length > 0) commands.push({ words, text: joined.trim(), line: begun });
    joined = "";
  });
  if (joined !== "") throw new UnreadableShellError(`the last line has no end: ${joined}`);
  return commands;
}

const TOKEN = /\s+|#.*$|'([^']*)'|"([^"\\`]*)"|\$(\w+)|([^\s'"$|&;`()*?\\]+)/gy;

function wordsOf(line: string, variables: ReadonlyMap<string, string>): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let at = 0;
  for (const match of line.matchAll(TOKEN)) {
    at = match.index + match[0].length;
    const [whole, single, double, name, unquoted] = match;
    const part = single ?? (double === undefined ? undefined : expand(double, variables)) ??
      (name === undefined ? undefined : expand(`$${name}`, variables)) ?? unquoted;
    // A number sign inside a word begins no comment.
    if (part === undefined && !(whole.startsWith("#") && word !== undefined)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + (part ?? whole);
    }
  }
  if (at !== line.length) throw new UnreadableShellError(line.slice(at));
  if (word !== undefined) words.push(word);
  return words;
}

function expand(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\$(\w+)/g, (_, name) => {
    const value = variables.get(name);
    if (value === undefined) throw new UnreadableShellError(`$${name} was never exported`);
    return value;
  });
}
