/** Tests that the demo's comparison can fail: it must find each kind of deliberate difference. */
import assert from "node:assert/strict";
import { StackClient } from "../../stack/client.ts";
import { connect } from "../../stack/postgres/connection.ts";
import type { ProjectClient } from "../../stack/project_client.ts";
import { compareProjects, type Comparison } from "../../demo/compare.ts";
import { runDemo } from "../../demo/demo.ts";
import { fillProject } from "../../demo/fill.ts";
import { runToEnd } from "../../demo/holdfast.ts";
import { madeObjects } from "../../demo/generated_objects.ts";
import { readerOf } from "../../demo/repository.ts";
import { createKey, type Scene, setScene } from "../../demo/environment.ts";
import { Screen } from "../../demo/screen.ts";
import { mustSucceed, storageClient } from "../../demo/storage.ts";
import { stack } from "../support/project.ts";

const UNSHOWN = { expect() {}, reach() {}, advance() {} };

/** A deliberate difference, each in another object, and the expected report. */
interface Tampering {
  readonly name: string;
  readonly make: (scene: Scene, snapshot: string) => Promise<unknown>;
  readonly found: readonly RegExp[];
  /** Changes of the counts: of existing objects and of identical ones. */
  readonly restored?: -1;
  readonly verified?: -1;
}

const TAMPERINGS: readonly Tampering[] = [
  {
    name: "one byte of an object in the target",
    make: ({ target }) => flipByte(target, "pictures/corner.svg"),
    found: [/^"site\/pictures\/corner\.svg": its bytes differ: SHA-256 /],
    verified: -1,
  },
  {
    name: "one byte of a large object in the source",
    make: ({ source }) => flipByte(source, "media/recording.bin"),
    found: [
      /^"site\/media\/recording\.bin": its bytes differ: SHA-256 /,
      /^"site\/media\/recording\.bin": its bytes in the repository are others than in the source$/,
    ],
    verified: -1,
  },
  {
    name: "one byte of an object in the repository",
    make: async ({ stack, repository }, snapshot) => {
      const reader = readerOf(repository);
      const { entries } = await reader.snapshot(snapshot);
      const key = `${reader.prefix}/${entries.get("site/odd/a!b.txt")?.key}`;
      await stack.call("damageS3Object", { bucket: repository.bucket, key });
    },
    found: [/^"site\/odd\/a!b\.txt": the repository's bytes: data\/.* digest /],
    verified: -1,
  },
  {
    name: "bytes that the target has lost",
    make: ({ target }) => target.loseBytes("site", "pictures/pixel.gif"),
    found: [/^"site\/pictures\/pixel\.gif": the target does not give its bytes: /],
    verified: -1,
  },
  rowTampering("described/photo.txt", "user_metadata = user_metadata || '{\"iso\": 401}'"),
  rowTampering("described/song.txt", "owner_id = 'somebody'"),
  rowTampering("described/nested.txt", "created_at = created_at - interval '1 microsecond'"),
  rowTampering("odd/.hidden", "updated_at = updated_at - interval '1 microsecond'"),
  {
    ...rowTampering("odd/a b.txt", `metadata = metadata || '{"cacheControl": "no-store"}'`),
    found: [/^"site\/odd\/a b\.txt": cache_control is no-cache in the source and no-store in /],
  },
  {
    name: "an object that the target has not",
    make: ({ target }) =>
      mustSucceed("removing", storageClient(target.info).from("site").remove(["odd/a-b.txt"])),
    found: [/^"site\/odd\/a-b\.txt": is not in the target$/],
    restored: -1,
    verified: -1,
  },
  {
    name: "an object that only the target has",
    make: ({ target }) =>
      mustSucceed("uploading", storageClient(target.info).from("site").upload("more", "more")),
    found: [/^"site\/more": is not in the source, but in the target$/],
  },
  {
    name: "a bucket's limit",
    make: ({ target }) =>
      runSql(target, "update storage.buckets set file_size_limit = 1 where id = 'private-docs'"),
    found: [/^bucket private-docs: file_size_limit is 2000000 in the source and 1 in the target$/],
  },
];

Deno.test("the comparison finds every kind of difference and names the object", async (test) => {
  const { scene, snapshot } = await restoredScene();
  await using _source = scene.source;
  await using _target = scene.target;
  let expected = await compare(scene, snapshot);
  const total = madeObjects().length;
  const { bytes } = expected;
  assert.deepEqual(expected, {
    total,
    restored: total,
    verified: total,
    failed: 0,
    bytes,
    differences: [],
  });
  for (const { name, make, found, restored = 0, verified = 0 } of TAMPERINGS) {
    await test.step(name, async () => {
      await make(scene, snapshot);
      const comparison = await compare(scene, snapshot);
      const news = comparison.differences.filter((words) => !expected.differences.includes(words));
      assert.equal(news.length, found.length, news.join("\n"));
      found.forEach((words, index) => assert.match(news[index]!, words));
      expected = {
        ...expected,
        restored: expected.restored + restored,
        verified: expected.verified + verified,
        failed: expected.failed + 1,
        differences: comparison.differences,
      };
      assert.deepEqual(comparison, expected);
    });
  }
});

Deno.test("the demo prints the differences and correct counts, and exits with a failure", async () => {
  await using tampered = new TamperedStack(stack.url);
  let output = "";
  const screen = new Screen({
    write(text) {
      output += text;
    },
    columns: () => undefined,
  });
  const objects = madeObjects();
  const isEqual = await runDemo(() => Promise.resolve(tampered), { objects, remarks: [] }, screen);
  assert.equal(isEqual, false);
  const total = objects.length + 1;
  const lines = output.trimEnd().split("\n");
  assert.equal(
    lines.at(-1),
    `restored ${total} of ${total} objects, ${total - 1} verified, 1 failed`,
  );
  assert.match(lines.at(-2)!, /^differs: "site\/pictures\/corner\.svg": its bytes differ/);
});

/** A stack whose second project, the target, serves one object with a changed byte. */
class TamperedStack extends StackClient {
  readonly #projects: ProjectClient[] = [];

  override async createProject(
    options: Parameters<StackClient["createProject"]>[0],
  ): Promise<ProjectClient> {
    const project = await super.createProject(options);
    this.#projects.push(project);
    // Skips the restore's own read. The demo's read must find the difference.
    if (this.#projects.length === 2) await flipByte(project, "pictures/corner.svg", 1);
    return project;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    for (const project of this.#projects) await project[Symbol.asyncDispose]();
  }
}

/** A scene whose source was backed up and restored into its target, with the snapshot's id. */
async function restoredScene(): Promise<{ scene: Scene; snapshot: string }> {
  const scene = await setScene(() => Promise.resolve(stack), UNSHOWN);
  const { source, target } = scene;
  await fillProject(source, madeObjects(), UNSHOWN);
  const operate = await createKey(source, "operate");
  const backup = await runToEnd(
    { project: source, functionName: "holdfast-backup", key: operate },
    {},
  );
  const snapshot = String(backup.result?.["snapshot"]);
  const restore = await createKey(target, "restore");
  await runToEnd(
    { project: target, functionName: "holdfast-restore", key: restore },
    { snapshot, dry_run: false },
  );
  return { scene, snapshot };
}

function compare(scene: Scene, snapshot: string): Promise<Comparison> {
  return compareProjects({
    source: scene.source.info,
    target: scene.target.info,
    reader: readerOf(scene.repository),
    snapshot,
  }, UNSHOWN);
}

/** Changes one column of an object's row in the target. */
function rowTampering(name: string, assignment: string): Tampering {
  const column = assignment.split(" ")[0]!;
  return {
    name: `the column ${column} of an object in the target`,
    make: ({ target }) =>
      runSql(target, `update storage.objects set ${assignment} where name = '${name}'`),
    found: [new RegExp(`^"site/${name}": ${column} is `)],
    verified: -1,
  };
}

/** Runs a statement with triggers disabled. */
async function runSql(project: ProjectClient, statement: string): Promise<void> {
  await using sql = connect(project.info.adminDatabaseUrl);
  await sql.unsafe(`set session_replication_role = 'replica'; ${statement}`);
}

/**
 * Makes a project's Storage serve an object with one changed byte, after `skip` correct responses.
 */
async function flipByte(project: ProjectClient, name: string, skip = 0): Promise<void> {
  await project.call("addStorageFault", {
    rule: {
      route: "GET object/authenticated",
      pathContains: name,
      skip,
      count: 1_000,
      fault: { flipByteAt: 3 },
    },
  });
}
