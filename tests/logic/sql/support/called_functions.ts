/** A call of a function of the database: by a Database, or by a slice for its lease. */
const CALL = /\b(?:call|commit)(?:<[^()]*?>)?\(\s*(?:"(\w+)"|([^\s,)]*))/g;
/** Where a name is handed on, and not chosen. */
const HANDED_ON = new Set(["name", ""]);
/** One in the text of a statement: of what people are told to call, none has parameters like these. */
const IN_STATEMENT = /\bholdfast_private\.(\w+)\(\$\d/g;

/** Names of all functions of the database that shipped code calls, sorted. */
export async function functionsCalled(folder: URL): Promise<string[]> {
  const called = new Set<string>();
  for (const file of await sourceFiles(folder)) {
    const text = await Deno.readTextFile(file);
    for (const [whole, literal, other = ""] of text.matchAll(CALL)) {
      if (literal !== undefined) called.add(literal);
      else if (!HANDED_ON.has(other.replace(/[:<].*/, ""))) {
        throw new Error(`${file.pathname}: ${whole} calls what can't be told from its text`);
      }
    }
    for (const [, name] of text.matchAll(IN_STATEMENT)) called.add(name!);
  }
  return [...called].sort();
}

async function sourceFiles(folder: URL): Promise<URL[]> {
  const files: URL[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) files.push(...await sourceFiles(new URL(`${name}/`, folder)));
    else if (name.endsWith(".ts")) files.push(new URL(name, folder));
  }
  return files;
}
