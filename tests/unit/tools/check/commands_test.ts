import assert from "node:assert/strict";
import { findMissing, findUnknown } from "../../../../tools/check/cli_checks.ts";
import { callOf, supabaseCommands } from "../../../../tools/check/commands.ts";
import { NEXT_STEPS } from "../../../../cli/add/next_steps.ts";

Deno.test("calls are found in shell blocks, with or without npx, over several lines", () => {
  const markdown = "```sh\ncd x\n$ npx -y supabase@2.117.0 db push # now\n```\n" +
    "```sql\nsupabase login\n```\n```bash\nsupabase secrets set A=1 \\\n  --env-file 'a b'\necho\n```\n";
  assert.deepEqual(supabaseCommands("a.md", markdown), [
    { args: ["db", "push"], location: "a.md:3" },
    { args: ["secrets", "set", "A=1", "--env-file", "'a b'"], location: "a.md:10" },
  ]);
  assert.equal(callOf("echo supabase login"), undefined);
  assert.equal(callOf("npx other"), undefined);
});

const HELP: Record<string, string> = {
  "":
    "USAGE\n\nGLOBAL FLAGS\n  --yes    answer\n\nSUBCOMMANDS\n  db     Databases\n  login  Log in\n" +
    "  migration, migrations Manage",
  "db": "GLOBAL FLAGS\n  --yes\n\nSUBCOMMANDS\n  push  Push\n",
  "db push":
    "FLAGS\n  --password, -p string    x\n  --dry-run  x\n\nGLOBAL FLAGS\n  --yes  answer\n",
  "login": "FLAGS\n  --token string  x\n",
};

Deno.test("commands and flags that the help lacks are named with their location", async () => {
  const find = (...args: string[]) =>
    findUnknown([{ args, location: "a.md:1" }], (words) => Promise.resolve(HELP[words.join(" ")]));
  assert.deepEqual(await find("db", "push", "--dry-run", "-p", "x", "--yes"), []);
  assert.deepEqual(await find("--yes", "db", "push"), []);
  assert.deepEqual(await find("login", "--token=x", "anything"), []);
  assert.deepEqual(await find("db", "push", "--dry"), [
    "a.md:1: supabase db push has no flag --dry",
  ]);
  assert.deepEqual(await find("db", "pull"), ["a.md:1: there is no command supabase db pull"]);
  assert.deepEqual(await find("deploy"), ["a.md:1: there is no command supabase deploy"]);
});

Deno.test("the README must have each file and command of the next steps, in order", () => {
  const commands = NEXT_STEPS.flatMap(({ file, commands }) =>
    file ? [file.text, ...commands] : commands
  );
  const readme = (list: string[]) =>
    list.map((command) => `\`\`\`sh\n${command}\n\`\`\`\n`).join("");
  assert.deepEqual(findMissing(readme(commands)), []);
  assert.equal(findMissing(readme(commands.slice(1))).length, 1);
  assert.ok(findMissing(readme(commands.toReversed())).length > 0);
  assert.equal(findMissing(commands.join("\n")).length, commands.length, "prose does not count");
});
