import assert from "node:assert/strict";
import { AddError } from "../../../../cli/add/errors.ts";
import { parseOptions } from "../../../../cli/add/options.ts";

const install = { kind: "install", path: "app", dry_run: false, yes: false, force: false };

Deno.test("only the path is required, and each flag is read", () => {
  assert.deepEqual(parseOptions(["app"]), install);
  assert.deepEqual(parseOptions(["--dry-run", "app"]), { ...install, dry_run: true });
  assert.deepEqual(parseOptions(["app", "-y", "--force"]), { ...install, yes: true, force: true });
  assert.deepEqual(parseOptions(["--", "-app"]), { ...install, path: "-app" });
  assert.deepEqual(parseOptions(["--help", "app"]), { kind: "help" });
});

Deno.test("--sql takes a file, or writes to stdout", () => {
  assert.deepEqual(parseOptions(["--sql"]), { kind: "sql", file: undefined, force: false });
  assert.deepEqual(parseOptions(["--sql", "-"]), { kind: "sql", file: undefined, force: false });
  const file = { kind: "sql", file: "a.sql", force: false };
  assert.deepEqual(parseOptions(["--sql", "a.sql"]), file);
  assert.deepEqual(parseOptions(["--sql=a.sql"]), file);
  assert.deepEqual(parseOptions(["--sql=a=b.sql", "--force"]), {
    kind: "sql",
    file: "a=b.sql",
    force: true,
  });
});

Deno.test("a malformed command line is refused with the fault and status 2", () => {
  const wrong: [string[], RegExp][] = [
    [[], /path of a Supabase project is missing/],
    [[""], /path of a Supabase project is missing/],
    [["--yes"], /path of a Supabase project is missing/],
    [["a", "b"], /one path is wanted, and these are 2: a b/],
    [["--sql", "a", "b"], /these are 2/],
    [["--sql", "--dry-run"], /--dry-run and --yes do not go with it/],
    [["--bogus", "a"], /Unknown option '--bogus'\n/],
    [["--yes=no", "a"], /--yes/],
  ];
  for (const [args, message] of wrong) {
    assert.throws(
      () => parseOptions(args),
      (error) =>
        error instanceof AddError && error.code === "usage" && error.exitCode === 2 &&
        message.test(error.message) && /--help/.test(error.message),
      args.join(" "),
    );
  }
});
