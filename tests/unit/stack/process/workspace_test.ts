import assert from "node:assert/strict";
import { createWorkspace } from "../../../../stack/process/workspace.ts";
import { exists, gone, livesWith, processesWith, tokenOf } from "./support.ts";

const ownerScript = new URL("./owner.ts", import.meta.url).pathname;

Deno.test("a disposed workspace leaves neither folder nor process, however deep", async () => {
  const token = tokenOf("depth");
  const workspace = await createWorkspace();
  await workspace.makeFolder("a/b");
  await Deno.writeTextFile(`${workspace.path}/a/b/file`, "x");
  const process = workspace.spawn("tree", {
    command: "sh",
    args: ["-c", `trap '' TERM INT HUP; sh -c 'sleep 600; : ${token}' & echo up; wait; : ${token}`],
  });
  await process.waitForLine(/^up$/);
  assert.equal(await livesWith(token), true);
  await workspace.dispose();
  assert.equal(await livesWith(token), false);
  assert.equal(await exists(workspace.path), false);
  assert.equal((await process.status).signal, "SIGKILL");
});

Deno.test("a process that left its group and its parent's death behind is ended too", async () => {
  const token = tokenOf("session");
  await using workspace = await createWorkspace();
  // What a Postgres backend is to its postmaster: a child in a session of its own.
  const process = workspace.spawn("session", {
    command: Deno.execPath(),
    args: ["eval", DETACHED_CHILD, token],
  });
  await process.waitForLine(/^up$/);
  await workspace.dispose();
  assert.equal(await livesWith(token), false);
});

Deno.test("output is collected, lines are waited for, and an end without them is told", async () => {
  await using workspace = await createWorkspace();
  const heard: string[] = [];
  const process = workspace.spawn("talker", {
    command: "sh",
    args: ["-c", "echo one; echo two >&2; printf three; pwd; exit 3"],
    onLine: (line) => heard.push(line),
  });
  assert.equal(await process.waitForLine(/^o/), "one");
  assert.equal((await process.status).code, 3);
  assert.deepEqual(heard.toSorted(), ["one", `three${workspace.path}`, "two"]);
  assert.equal(await process.waitForLine(/tw/), "two");
  await assert.rejects(process.waitForLine(/four/), /talker ended \(status 3\) without/);
});

Deno.test("a process is asked to end by its stop signal first", async () => {
  await using workspace = await createWorkspace();
  const stopped = workspace.spawn("polite", politeOptions("stopped"));
  await stopped.waitForLine(/^up$/);
  assert.equal((await stopped.stop()).code, 7);

  const path = await Deno.makeTempFile();
  const disposed = workspace.spawn("polite", politeOptions(path));
  await disposed.waitForLine(/^up$/);
  await workspace.dispose();
  assert.equal(await Deno.readTextFile(path), "asked\n");
  await Deno.remove(path);
});

Deno.test("a folder that lost its permissions is removed all the same", async () => {
  const workspace = await createWorkspace();
  const folder = await workspace.makeFolder("closed/inner");
  await Deno.chmod(`${folder}/..`, 0o000);
  await workspace.dispose();
  assert.equal(await exists(workspace.path), false);
});

Deno.test("a workspace whose watchdog was killed is still cleaned", async () => {
  const workspace = await createWorkspace();
  const process = workspace.spawn("sleeper", { command: "sleep", args: ["600"] });
  const watchdogs = await processesWith(`watchdog ${workspace.path}`);
  assert.equal(watchdogs.length, 1);
  Deno.kill(watchdogs[0], "SIGKILL");
  await gone(() => livesWith(`watchdog ${workspace.path}`));
  await process.stop();
  await workspace.dispose();
  assert.equal(await exists(workspace.path), false);
});

for (const signal of ["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"] as const) {
  // Ctrl-C and a closed terminal reach the whole group of the owner; a supervisor, the owner alone.
  Deno.test(`nothing is left when the owner, or its whole group, gets ${signal}`, async () => {
    await Promise.all([false, true].map((wholeGroup) => killOwner(signal, wholeGroup)));
  });
}

/** Starts the owner of a workspace, sends it a signal, and waits until nothing of it is left. */
async function killOwner(signal: Deno.Signal, wholeGroup: boolean): Promise<void> {
  const token = tokenOf(signal);
  const owner = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--no-lock", ownerScript, token],
    detached: true,
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const path = await firstLine(owner.stdout);
  assert.equal(await livesWith(token), true);
  assert.equal(await exists(path), true);
  Deno.kill(wholeGroup ? -owner.pid : owner.pid, signal);
  assert.equal((await owner.status).signal, signal);
  await gone(() => exists(path));
  await gone(() => livesWith(`watchdog ${path}`));
  assert.equal(await livesWith(token), false);
}

const DETACHED_CHILD = `
  new Deno.Command("sh", { args: ["-c", "echo up; sleep 600; : " + Deno.args[0]], detached: true,
    stdin: "null" }).spawn();
`;

function politeOptions(path: string) {
  const handler = path === "stopped" ? "exit 7" : `echo asked >${path}; exit 7`;
  return {
    command: "sh",
    args: ["-c", `trap '${handler}' TERM; echo up; while :; do sleep 0.05; done`],
    stopSignal: "TERM",
  } as const;
}

async function firstLine(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const end = text.indexOf("\n");
    if (end >= 0) return text.slice(0, end);
  }
  throw new Error("the owner ended without a line");
}
