import assert from "node:assert/strict";
import { kill } from "node:process";
import { fileURLToPath } from "node:url";
import { StackClient } from "../../../stack/client.ts";
import { eventually } from "../../support/eventually.ts";
import { type LaunchedStack, launchStack } from "../../../stack/launch.ts";

const FIXTURES = fileURLToPath(new URL("../../../stack/edge/fixtures", import.meta.url));

/** The folder, servers and process of a stack. */
interface Traces {
  folder: string;
  servers: string[];
  functionPid: number;
}

/** Starts a stack with a project whose function is busy, and returns what it consists of. */
async function launchBusyStack(): Promise<{ stack: LaunchedStack; traces: Traces }> {
  const stack = await launchStack();
  const client = new StackClient(stack.url);
  const project = await client.createProject({ directory: FIXTURES, functions: ["sample"] });
  const waiting = await project.callFunction("sample/wait", { method: "POST", body: "long" });
  await waiting.body?.cancel();
  await (await project.callFunction("sample/log", { method: "POST" })).body?.cancel();
  const [line] = await project.functionLogs("sample");
  const { folder, s3Endpoint } = await client.call("stackInfo", {});
  const servers = [stack.url, project.url, s3Endpoint, project.info.databaseUrl];
  return { stack, traces: { folder, servers, functionPid: line!.pid } };
}

/** Waits until the servers, the process and the folder do not exist any more. */
async function untilStopped({ folder, servers, functionPid }: Traces): Promise<void> {
  for (const server of servers) {
    await eventually(`${server} has stopped`, () => isRefused(Number(new URL(server).port)));
  }
  await eventually("the function's process has ended", () => isDead(functionPid));
  await eventually(`${folder} is deleted`, () => Deno.stat(folder).then(() => false, () => true));
}

async function isRefused(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return false;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return true;
    throw error;
  }
}

function isDead(pid: number): boolean {
  try {
    kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

Deno.test("a stopped stack removes its folder, servers and processes", async () => {
  const { stack, traces } = await launchBusyStack();
  await stack.stop();
  await untilStopped(traces);
});

for (const signal of ["SIGKILL", "SIGINT", "SIGTERM"] as const) {
  Deno.test(`a stack that gets ${signal} removes its folder, servers and processes`, async () => {
    const { stack, traces } = await launchBusyStack();
    assert.equal(isDead(traces.functionPid), false);
    kill(stack.pid, signal);
    const { success } = await stack.ended;
    assert.equal(success, signal !== "SIGKILL");
    await untilStopped(traces);
    await stack.stop();
  });
}
