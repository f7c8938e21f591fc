import { join } from "node:path";
import { startPostgres } from "../../stack/postgres/cluster.ts";
import { connect } from "../../stack/postgres/connection.ts";
import { createWorkspace } from "../../stack/process/workspace.ts";
import { readMigrations } from "../../stack/migrations.ts";
import { type Catalog, readCatalog } from "./catalog.ts";
import { readSchemaFiles } from "./schema_files.ts";

/** The catalogs after applying the migrations and after applying the schemas. */
export interface BothCatalogs {
  /** The result of all files in `supabase/migrations`. */
  migrated: Catalog;
  /** The result of all files in `supabase/schemas`. */
  declared: Catalog;
}

/** A SQL text, with the name of its file for errors. */
interface NamedText {
  name: string;
  text: string;
}

/**
 * Installs Holdfast into two empty databases of a temporary PostgreSQL server, one from the
 * migrations and one from the schemas, and reads their catalogs. It takes about five seconds.
 *
 * @throws Error that names the file that PostgreSQL refused
 */
export async function readBothCatalogs(repository: string): Promise<BothCatalogs> {
  const migrations = await readMigrations(join(repository, "supabase/migrations"));
  const schemas = await readSchemaFiles(repository);
  return await buildCatalogs(
    migrations.map(({ version, name, sql }) => ({
      name: `migrations/${version}_${name}.sql`,
      text: sql,
    })),
    schemas.map(({ path, text }) => ({ name: `schemas/${path}`, text })),
  );
}

/** As {@link readBothCatalogs}, but for SQL texts. */
export async function buildCatalogs(
  migrations: NamedText[],
  schemas: NamedText[],
): Promise<BothCatalogs> {
  await using workspace = await createWorkspace();
  await using postgres = await startPostgres({ workspace });
  const build = async (database: string, texts: NamedText[]) => {
    const { databaseUrl } = await postgres.createProjectDatabase(database);
    {
      await using sql = connect(databaseUrl);
      for (const { name, text } of texts) {
        try {
          await sql.unsafe(text).simple();
        } catch (error) {
          throw new Error(`supabase/${name}: ${(error as Error).message}`, { cause: error });
        }
      }
    }
    // Use a new session: the files may have changed settings of the previous one.
    await using sql = connect(databaseUrl);
    return await readCatalog(sql);
  };
  return {
    migrated: await build("migrated", migrations),
    declared: await build("declared", schemas),
  };
}
