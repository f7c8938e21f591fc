import assert from "node:assert/strict";
import { runBackup } from "./support/backup.ts";
import { Objects } from "./support/objects.ts";
import { sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

/** A nested loop over both tables compares tens of millions of pairs and takes very long. */
const OBJECTS = 8_000;

sqlTest(
  "newly filled tables without statistics are scanned in one pass",
  async (project) => {
    const { admin, worker, owner } = project;
    for (const table of ["storage.objects", "holdfast_private.entries"]) {
      await admin.unsafe(`alter table ${table} set (autovacuum_enabled = false)`);
    }
    const objects = new Objects(owner);
    await objects.createBucket("photos");
    await owner`
    insert into storage.objects (bucket_id, name, version, metadata)
    select 'photos', 'photo ' || n, gen_random_uuid(), '{"eTag": "\\"0\\"", "size": 1}'
    from generate_series(1, ${OBJECTS}) as n`;
    const repository = new Repository();
    const first = await runBackup(project, repository, { maxItems: 2_000 });
    assert.equal(first.scanned.length, OBJECTS);

    await objects.upload("photos", "photo 7", { text: "other" });
    await objects.remove("photos", "photo 8");
    await worker`set statement_timeout = '6s'`;
    const second = await runBackup(project, repository);
    assert.deepEqual(second.scanned, ["photos/photo 7"]);
    assert.equal(second.snapshot?.totals.objects, OBJECTS - 1);
  },
);
