import assert from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import { connectStack } from "../../../stack/client.ts";
import type { ProjectClient } from "../../../stack/project_client.ts";

const stack = await connectStack();

function createProject(options: Parameters<typeof stack.createProject>[0] = {}) {
  return stack.createProject({ migrate: false, functions: [], ...options });
}

/** A client that keeps no timer and no session. */
function clientOf(project: ProjectClient, key: string) {
  const auth = { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false };
  return createClient(project.url, key, { auth });
}

Deno.test("supabase-js works through the gateway with the secret key", async () => {
  await using project = await createProject();
  const { storage } = clientOf(project, project.info.secretKey);
  const made = await storage.createBucket("photos", { public: false });
  assert.equal(made.error, null);
  const body = crypto.getRandomValues(new Uint8Array(60_000));
  const name = "a folder/ü is not legal, but ' and + are".replace("ü", "u");
  const uploaded = await storage.from("photos").upload(name, new Blob([body]), {
    contentType: "image/png",
  });
  assert.equal(uploaded.error, null);
  const { data, error } = await storage.from("photos").download(name);
  assert.equal(error, null);
  assert.deepEqual(new Uint8Array(await data!.arrayBuffer()), body);
  const { counts } = await project.storageRequests();
  assert.equal(Object.values(counts).reduce((sum, count) => sum + count, 0), 3);
});

Deno.test("the publishable key is anon: it sees no private bucket", async () => {
  await using project = await createProject();
  await clientOf(project, project.info.secretKey).storage.createBucket("private");
  const { data } = await clientOf(project, project.info.publishableKey).storage.listBuckets();
  assert.deepEqual(data, []);
});

Deno.test("a key of another project is refused at the gateway", async () => {
  await using project = await createProject();
  await using other = await createProject();
  for (const key of [other.info.secretKey, other.info.anonKey]) {
    const response = await fetch(`${project.url}/storage/v1/bucket`, {
      headers: { apikey: key, authorization: `Bearer ${key}` },
    });
    assert.equal(response.status, 401);
    assert.match((await response.json()).message, /API key/);
  }
  assert.deepEqual((await project.storageRequests()).records, []);
});

Deno.test("a large body passes in both directions with its length", async () => {
  await using project = await createProject();
  await clientOf(project, project.info.secretKey).storage.createBucket("large");
  const url = `${project.url}/storage/v1/object/large/file`;
  const authorization = `Bearer ${project.info.secretKey}`;
  const bytes = 8_000_000;
  const body = new Uint8Array(bytes).fill(7);
  const put = await fetch(url, { method: "POST", headers: { authorization }, body });
  assert.equal(put.status, 200);
  await put.body?.cancel();
  const got = await fetch(url.replace("/object/", "/object/authenticated/"), {
    headers: { authorization, "accept-encoding": "identity" },
  });
  assert.equal(got.headers.get("content-length"), String(bytes));
  assert.equal((await got.bytes()).length, bytes);
  const { records } = await project.storageRequests();
  assert.equal(records.at(-1)!.responseBytes, bytes);
  assert.equal(records.at(-2)!.requestBytes, bytes);
});

Deno.test("a project can have a CDN, and the test can advance its clock", async () => {
  await using project = await createProject({ cdn: true });
  const { storage } = clientOf(project, project.info.secretKey);
  await storage.createBucket("cached");
  await storage.from("cached").upload("file", new Blob(["old"]));
  const read = async () => {
    const response = await fetch(`${project.url}/storage/v1/object/authenticated/cached/file`, {
      headers: { apikey: project.info.secretKey },
    });
    return await response.text();
  };
  assert.equal(await read(), "old");
  await storage.from("cached").upload("file", new Blob(["new"]), { upsert: true });
  assert.equal(await read(), "old");
  await project.call("setCdn", { advanceMilliseconds: 61_000 });
  assert.equal(await read(), "new");
  await project.call("setCdn", { enabled: false });
  await storage.from("cached").upload("file", new Blob(["newer"]), { upsert: true });
  assert.equal(await read(), "newer");
});

Deno.test("tests can inject faults and delete bytes", async () => {
  await using project = await createProject();
  const { storage } = clientOf(project, project.info.secretKey);
  await storage.createBucket("bad");
  await storage.from("bad").upload("file", new Blob(["bytes"]));
  await project.call("addStorageFault", {
    rule: { pathContains: "/bad/file", fault: { status: 503 } },
  });
  const download = () => storage.from("bad").download("file", { cacheNonce: crypto.randomUUID() });
  assert.notEqual((await download()).error, null);
  assert.equal((await download()).error, null);
  await project.loseBytes("bad", "file");
  assert.notEqual((await download()).error, null);
  await project.call("resetStorageRequests", {});
  assert.deepEqual((await project.storageRequests()).counts, {});
});
