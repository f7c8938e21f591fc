import type { SqlProject } from "./project.ts";

/** Entries as a worker receives them. */
type Page = {
  name: string;
  version: string;
  metadata: unknown;
  reassigned: boolean;
  target: Record<string, unknown>;
}[];

/** One worker of a restore in its objects stage, in SQL alone. */
export class RestoreWorker {
  private constructor(
    private readonly project: SqlProject,
    private readonly cursor: string,
    readonly owner: string,
  ) {}

  /** Starts a restore of the newest snapshot. */
  static async begin(project: SqlProject): Promise<RestoreWorker> {
    const plan = { snapshot: "latest", dry_run: false, overwrite: "if_changed" };
    const [{ run }] = await project.worker`
      select holdfast_private.start_restore(${project.worker.json(plan)}, 'test') as run`;
    await project.owner`
      update holdfast_private.runs r set repository = s.repository, result = jsonb_build_object('sequence', s.sequence)
      from (select * from holdfast_private.snapshots order by sequence desc limit 1) s where r.id = ${run}`;
    await project.owner`delete from holdfast_private.cursors where run = ${run}`;
    await project.owner`
      insert into holdfast_private.cursors (run, stage, bucket_id) values (${run}, 'objects', 'files')`;
    return await RestoreWorker.next(project);
  }

  /** Takes the lease over from its previous owner. */
  static async next(
    project: SqlProject,
    owner: string = crypto.randomUUID(),
  ): Promise<RestoreWorker> {
    await project
      .owner`update holdfast_private.cursors set lease_expires_at = now() - interval '1 second'`;
    const [{ cursor }] = await project.worker`
      select holdfast_private.lease_cursor(${owner}, 'holdfast-restore', null) ->> 'cursor' as cursor`;
    return new RestoreWorker(project, cursor, owner);
  }

  async recordIntent(version: string, keeps: boolean): Promise<boolean> {
    const [row] = await this.project.worker`
      select holdfast_private.restore_overwrites(${this.cursor}, ${this.owner}, 'files', 'a', ${version}, ${keeps}) as may`;
    return row.may;
  }

  async page(): Promise<Page> {
    const [{ page }] = await this.project.worker`
      select holdfast_private.restore_page(${this.cursor}, ${this.owner}, 10) as page`;
    return page;
  }

  /** Commits the results up to a name of the page, for the entries that were begun. */
  async commitNothing(toName: string): Promise<void> {
    await this.project.worker`
      select holdfast_private.restore_commit(${this.cursor}, ${this.owner}, '[]', ${toName}, '{}')`;
  }

  /** Commits that the file was put as this version, or that it was not changed. */
  async commit(restoredVersion?: string): Promise<void> {
    const [{ version, metadata }] = await this.page();
    const result = { bucket_id: "files", name: "a", version, metadata, blob: 1 };
    const results = [{ ...result, ...(restoredVersion && { restored_version: restoredVersion }) }];
    await this.project.worker`
      select holdfast_private.restore_commit(${this.cursor}, ${this.owner}, ${
      this.project.worker.json(results as never)
    }, 'a', '{}')`;
  }
}
