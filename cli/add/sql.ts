import { resolve } from "node:path";
import type { AddEnvironment } from "./add.ts";
import { AddError, reasonOf } from "./errors.ts";
import { readIfPresent, sameBytes } from "./files.ts";
import { readShipped, type Shipped } from "./shipped.ts";

/**
 * `add --sql`: writes all migrations as one text for the SQL editor, into a file or to stdout.
 *
 * @throws AddError `file_exists`, `write_failed`, `path_occupied`
 */
export async function writeSql(
  command: { file: string | undefined; force: boolean },
  environment: AddEnvironment,
): Promise<void> {
  const sql = buildSql(await readShipped(environment.checkout));
  if (command.file === undefined) return environment.print(sql);
  const path = resolve(environment.workingDirectory, command.file);
  const bytes = new TextEncoder().encode(sql);
  const before = await readIfPresent(path);
  if (before !== undefined && !sameBytes(before, bytes) && !command.force) {
    throw new AddError(
      "file_exists",
      `${path} is there already. Nothing was written.\nGive another name, or --force to overwrite.`,
    );
  }
  try {
    await Deno.writeFile(path, bytes);
  } catch (error) {
    throw new AddError(
      "write_failed",
      `${path} could not be written: ${reasonOf(error)}.\nRepair this and run the same command.`,
    );
  }
  environment.print(`${path}: paste all of it into the SQL editor; its head says how to go on.\n`);
}

/**
 * All migrations as one transaction. It raises an error if Holdfast is already installed. It does
 * not write to the CLI's record of migrations: a row without a file would make `db push` refuse.
 */
export function buildSql(shipped: Shipped): string {
  const parts = shipped.migrations.map(({ name, bytes }) =>
    `-- ${name}\n\n${new TextDecoder().decode(bytes).replaceAll("\r\n", "\n").trimEnd()}\n`
  );
  return [header(shipped), GUARD, ...parts, "commit;\n"].join("\n");
}

function header({ version, migrations }: Shipped): string {
  return `-- Holdfast ${version} for the SQL editor: ${migrations.length} migrations in one transaction.
--
-- Paste all of this file into the SQL editor of your project and run it once. Either all of it is
-- done or nothing is; a second run is refused. The Edge Functions are not in here: deploy them
-- with the Supabase CLI (README.md).
--
-- This does not write to supabase_migrations, the CLI's record. If you work with the CLI later:
--   1. deno task add PATH              copies the same migrations into your project's folder
--   2. npx supabase migration repair --status applied TIME TIME …
--                                      with the time, the 14 digits, of each *_holdfast_*.sql
--   3. npx supabase db push            says that nothing is left to do
-- From then on upgrades go that way. Take step 1 from this version of Holdfast.

begin;
`;
}

const GUARD = `do $$
begin
  if to_regnamespace('holdfast') is not null then
    raise exception 'Holdfast is in this database already; nothing was changed'
      using hint = 'To upgrade it, go on with the Supabase CLI: see the head of this file.';
  end if;
end
$$;
`;
