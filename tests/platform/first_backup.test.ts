import assert from "node:assert/strict";
import { bytesOf, createBucket, ok, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";
import { assertHolds } from "../support/assert_snapshot.ts";

Deno.test("the first backup has every object with identical bytes and metadata", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "avatars", { public: true });
  await createBucket(project, "private docs", { fileSizeLimit: 1_000_000 });
  const avatars = project.storage.from("avatars");
  await ok(avatars.upload("one.png", new Blob([bytesOf(3_000)]), {
    contentType: "image/png",
    cacheControl: "60",
    metadata: { taken: "by hand", pages: [1, 2] },
  }));
  await ok(avatars.upload("two.html", new Blob(["<p>two</p>"]), { contentType: "text/html" }));
  await ok(avatars.upload("nested/deep/three.json", JSON.stringify({ three: 3 })));
  await upload(project, "private docs", "a plan.txt", "plan", { userMetadata: { n: 1 } });
  await upload(project, "private docs", "nothing", new Uint8Array(0));

  const { document, run } = await assertHolds(project, await project.backupSnapshot());
  assert.equal(document.state, "complete");
  assert.equal(document.project_url, project.url);
  assert.deepEqual(document.buckets.map(({ id }) => id), ["avatars", "private docs"]);
  assert.equal(document.buckets[0]!.public, true);
  assert.equal(document.buckets[1]!.file_size_limit, 1_000_000);
  assert.equal(run.counters.objects_copied, 5);
});
