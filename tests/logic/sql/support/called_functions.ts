/** A call of a database function, by a Database or by a slice for its lease. */
const CALL = /\b(?:call|commit)(?:<[^()]*?>)?\(\s*(?:"(\w+)"|([^\s,)]*))/g;
/** Parameters that pass a name on. */
const PASSED_ON = new Set(["name", ""]);
/** A call in a statement. Calls that users are asked to run have no such parameters. */
const IN_STATEMENT = /\bholdfast_private\.(\w+)\(\$\d/g;

/** Names of all database functions that shipped code calls, sorted. */
export async function functionsCalled(folder: URL): Promise<string[]> {
  const called = new Set<string>();
  for (const file of await sourceFiles(folder)) {
    const text = await Deno.readTextFile(file);
    for (const [whole, literal, other = ""] of text.matchAll(CALL)) {
      if (literal !== undefined) called.add(literal);
      else if (!PASSED_ON.has(other.replace(/[:<].*/, ""))) {
        throw new Error(`${file.pathname}: ${whole} calls a function whose name is not a literal`);
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
