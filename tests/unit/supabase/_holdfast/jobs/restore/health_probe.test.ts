import assert from "node:assert/strict";
import { HoldfastError } from "../../../../../../supabase/functions/_holdfast/config/errors.ts";
import {
  createHealthProbe,
  healthCheckedWriter,
} from "../../../../../../supabase/functions/_holdfast/jobs/restore/health_probe.ts";
import { Target } from "./restored_entry.ts";

const failing = () => Promise.reject(new HoldfastError("storage_unreachable", "HTTP 500"));
const OPTIONS = { contentType: null, cacheControl: null, upsert: false };
const body = () => Promise.resolve(new Uint8Array(1));

/** The outcome of a write that Storage fails at. */
async function write(attempts: number, well: boolean, error?: HoldfastError) {
  const target = new Target();
  target.upload = error ? () => Promise.reject(error) : failing;
  const writer = healthCheckedWriter(target, () => Promise.resolve(well), attempts);
  return await writer.upload("b", "n", body, OPTIONS).catch((error: HoldfastError) => error.code);
}

Deno.test("a repeated failure is a refusal if Storage is healthy, else the restore waits", async () => {
  assert.deepEqual(await write(2, true), { kind: "refused", message: "HTTP 500" });
  assert.equal(await write(1, true), "storage_unreachable");
  assert.equal(await write(2, false), "storage_unreachable");
});

Deno.test("a refused key is not a failure of one object", async () => {
  const refused = new HoldfastError("storage_key_refused", "no");
  assert.equal(await write(2, true, refused), "storage_key_refused");
});

Deno.test("Storage is healthy if an object can be written and read back", async () => {
  const target = new Target();
  assert.equal(await createHealthProbe(target, target, "scratch")(), true);
  assert.deepEqual(target.writes, ["overwrite scratch/probe"]);
  target.corrupt = () => "other";
  assert.equal(await createHealthProbe(target, target, "scratch")(), false);
  target.corrupt = (bytes) => bytes;
  target.read = () => Promise.resolve({ kind: "failed", message: "HTTP 500" });
  assert.equal(await createHealthProbe(target, target, "scratch")(), false);
  target.upload = failing;
  assert.equal(await createHealthProbe(target, target, "scratch")(), false);
});
