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

Deno.test("the script has the place filled in, as words that a shell does not read", () => {
  const script = recoveryScript(LOCATION);
  assert.match(script, /^endpoint='https:\/\/s3\.example\.com'$/m);
  assert.match(script, /^region='eu-central-1'$/m);
  assert.ok(script.includes(String.raw`place='backups/it'\''s $(here)'`));
  assert.match(script, /^addressing=path$/m);
  assert.match(recoveryScript({ ...LOCATION, forcePathStyle: false }), /^addressing=virtual$/m);
  assert.doesNotMatch(script, /@[A-Z]+@|\\\$\{/);
});

Deno.test("the guide has it too, and no key", () => {
  const settings = { ...LOCATION, accessKeyId: "AKIAEXAMPLE", secretAccessKey: "secret-example" };
  for (const text of [recoveryGuide(settings), recoveryScript(settings)]) {
    assert.match(text, /https:\/\/s3\.example\.com/);
    assert.doesNotMatch(text, /AKIAEXAMPLE|secret-example/);
  }
});

Deno.test("what is there already is left as it is", async () => {
  const store = new MemoryStore();
  await putRecovery(store, LOCATION);
  const first = store.read("RECOVERY-v1.md");
  await putRecovery(store, { ...LOCATION, endpoint: "https://elsewhere.example.com" });
  assert.deepEqual(store.read("RECOVERY-v1.md"), first);
});
