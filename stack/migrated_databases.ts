import { applyMigrations, runSql } from "./migrations.ts";
import type { PostgresCluster, ProjectDatabase } from "./postgres/cluster.ts";

/** The template database that migrated projects' databases are cloned from. */
const TEMPLATE = "migrated_template";

/** Replaces the cloned worker key: otherwise all clones would share the template's key. */
const RENEW_WORKER_KEY = `
  delete from holdfast_private.keys where scope = 'worker';
  delete from vault.secrets where name = 'holdfast_worker_key';
  select vault.create_secret(holdfast.create_key('worker', 'worker'), 'holdfast_worker_key');
  delete from holdfast_private.audit where action = 'key.create';
`;

/** Creates databases with a folder's migrations. The migrations run once; databases are clones. */
export class MigratedDatabases {
  #template: Promise<ProjectDatabase> | undefined;

  /** @param migrations the folder */
  constructor(readonly postgres: PostgresCluster, readonly migrations: string) {}

  /** Makes a database with everything that a project has, the migrations, and a worker key of its own. */
  async create(name: string): Promise<ProjectDatabase> {
    const database = await this.clone(name);
    await runSql(database.databaseUrl, RENEW_WORKER_KEY);
    return database;
  }

  /** The same with the worker key of the template, which all such databases share. */
  async clone(name: string): Promise<ProjectDatabase> {
    this.#template ??= this.#createTemplate();
    return await this.postgres.cloneProjectDatabase(name, await this.#template);
  }

  async #createTemplate(): Promise<ProjectDatabase> {
    const template = await this.postgres.createProjectDatabase(TEMPLATE);
    await applyMigrations(template.databaseUrl, this.migrations);
    return template;
  }
}
