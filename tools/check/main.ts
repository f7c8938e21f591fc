/** Entry of `deno task check`: all checks of the repository that need no running stack. */
import { fileURLToPath } from "node:url";
import { runChecks } from "./check.ts";
import { cliChecks } from "./cli_checks.ts";
import { denoChecks } from "./deno_checks.ts";
import { importsCheck } from "./imports.ts";
import { layersCheck } from "./layers.ts";
import { linksCheck } from "./links.ts";
import { migratedDatabaseCheck } from "./migrated_database.ts";
import { migrationTextCheck } from "./migrations.ts";
import { schemasMigratedCheck, schemaTextCheck } from "./schemas.ts";
import { styleCheck, wordsCheck } from "./words.ts";

const scratch = await Deno.makeTempDir({ prefix: "holdfast-check-" });
try {
  const failed = await runChecks(
    [
      ...denoChecks,
      importsCheck,
      layersCheck,
      schemaTextCheck,
      migrationTextCheck,
      migratedDatabaseCheck,
      schemasMigratedCheck,
      linksCheck,
      wordsCheck,
      styleCheck,
      ...cliChecks,
    ],
    { path: fileURLToPath(new URL("../..", import.meta.url)), scratch },
    console.log,
  );
  Deno.exitCode = failed === 0 ? 0 : 1;
} finally {
  await Deno.remove(scratch, { recursive: true });
}
