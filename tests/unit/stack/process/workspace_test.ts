import assert from "node:assert/strict";
import { createWorkspace } from "../../../../stack/process/workspace.ts";
import { exists, livesWith, processesWith, tokenOf, untilAbsent } from "./support.ts";

const ownerScript = new URL("./owner.ts", import.meta.url).pathname;

Deno.test("a disposed workspace removes its folder and ends all descendants", async () => {
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

Deno.test("a detached process that outlives its parent is also ended", async () => {
  const token = tokenOf("session");
  await using workspace = await createWorkspace();
  // Like a Postgres backend: a child process in its own session.
  const process = workspace.spawn("session", {
    command: Deno.execPath(),
    args: ["eval", DETACHED_CHILD, token],
  });
  await process.waitForLine(/^up$/);
  await workspace.dispose();
  assert.equal(await livesWith(token), false);
});

Deno.test("output is collected, a wait for a line ends with it, and an exit before the line is an error", async () => {
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

Deno.test("a process first gets its stop signal", async () => {
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

Deno.test("a folder without permissions is also removed", async () => {
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
  await untilAbsent(() => livesWith(`watchdog ${workspace.path}`));
  await process.stop();
  await workspace.dispose();
  assert.equal(await exists(workspace.path), false);
});

for (const signal of ["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"] as const) {
  // Ctrl-C and a closed terminal signal the owner's process group; a supervisor signals only the owner.
  Deno.test(`${signal} to the owner or its process group removes the workspace`, async () => {
    await Promise.all([false, true].map((toGroup) => killOwner(signal, toGroup)));
  });
}

/** Starts the owner of a workspace, sends it a signal, and waits until the workspace is removed. */
async function killOwner(signal: Deno.Signal, toGroup: boolean): Promise<void> {
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
  Deno.kill(toGroup ? -owner.pid : owner.pid, signal);
  assert.equal((await owner.status).signal, signal);
  await untilAbsent(() => exists(path));
  await untilAbsent(() => livesWith(`watchdog ${path}`));
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
