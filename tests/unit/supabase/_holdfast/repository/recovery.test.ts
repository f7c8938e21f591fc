import assert from "node:assert/strict";
import {
  putRecovery,
  recoveryGuide,
} from "../../../../../supabase/functions/_holdfast/repository/recovery.ts";
import { recoveryScript } from "../../../../../supabase/functions/_holdfast/repository/recovery_script.ts";
import { MemoryStore } from "../../memory_store.ts";

const LOCATION = {
  endpoint: "https://s3.example.com",
  region: "eu-central-1",
  bucket: "backups",
  prefix: "it's $(here)",
  forcePathStyle: true,
};

Deno.test("the script contains the location, quoted so that a shell does not interpret it", () => {
  const script = recoveryScript(LOCATION);
  assert.match(script, /^endpoint='https:\/\/s3\.example\.com'$/m);
  assert.match(script, /^region='eu-central-1'$/m);
  assert.ok(script.includes(String.raw`place='backups/it'\''s $(here)'`));
  assert.match(script, /^addressing=path$/m);
  assert.match(recoveryScript({ ...LOCATION, forcePathStyle: false }), /^addressing=virtual$/m);
  assert.doesNotMatch(script, /@[A-Z]+@|\\\$\{/);
});

Deno.test("the guide contains the location and no key", () => {
  const settings = { ...LOCATION, accessKeyId: "AKIAEXAMPLE", secretAccessKey: "secret-example" };
  for (const text of [recoveryGuide(settings), recoveryScript(settings)]) {
    assert.match(text, /https:\/\/s3\.example\.com/);
    assert.doesNotMatch(text, /AKIAEXAMPLE|secret-example/);
  }
});

Deno.test("existing recovery files are kept as they are", async () => {
  const store = new MemoryStore();
  await putRecovery(store, LOCATION);
  const first = store.read("RECOVERY-v1.md");
  await putRecovery(store, { ...LOCATION, endpoint: "https://other.example.com" });
  assert.deepEqual(store.read("RECOVERY-v1.md"), first);
});
