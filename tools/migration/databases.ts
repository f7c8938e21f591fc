import { join } from "node:path";
import { applyMigrations } from "../../tests/stack/migrations.ts";
import { connect } from "../../tests/stack/postgres/connection.ts";
import { type PostgresCluster, startPostgres } from "../../tests/stack/postgres/cluster.ts";
import { createWorkspace } from "../../tests/stack/process/workspace.ts";
import { type Catalog, readCatalog } from "./catalog.ts";
import { CHECK_NO_BODIES } from "./baseline.ts";
import { readSchemaFiles } from "./schema_files.ts";

/** What the migrations make, and what the schema files declare. */
export interface BothCatalogs {
  migrated: Catalog;
  declared: Catalog;
}

/**
 * Applies the migrations to one scratch database and the schema files to another one, on a PostgreSQL
 * of its own, and reads what each then holds.
 */
export async function readBothCatalogs(repository: string): Promise<BothCatalogs> {
  await using workspace = await createWorkspace();
  await using postgres = await startPostgres({ workspace });
  return {
    migrated: await catalogOf(
      postgres,
      "migrated",
      (url) => applyMigrations(url, join(repository, "supabase/migrations")),
    ),
    declared: await catalogOf(postgres, "declared", (url) => applySchemas(url, repository)),
  };
}

async function catalogOf(
  postgres: PostgresCluster,
  name: string,
  fill: (databaseUrl: string) => Promise<void>,
): Promise<Catalog> {
  const { databaseUrl, adminUrl } = await postgres.createProjectDatabase(name);
  await fill(databaseUrl);
  await using sql = connect(adminUrl);
  return await readCatalog(sql);
}

/** Applies the schema files in their order. @throws Error that names the file that fails */
async function applySchemas(databaseUrl: string, repository: string): Promise<void> {
  await using sql = connect(databaseUrl);
  for (const { path, text } of await readSchemaFiles(repository)) {
    await sql.begin(async (transaction) => {
      await transaction.unsafe(CHECK_NO_BODIES);
      await transaction.unsafe(text).simple();
    }).catch((error) => {
      throw new Error(`supabase/schemas/${path}: ${error.message}`, { cause: error });
    });
  }
}
