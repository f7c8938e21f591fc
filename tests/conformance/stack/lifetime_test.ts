import assert from "node:assert/strict";
import { kill } from "node:process";
import { fileURLToPath } from "node:url";
import { StackClient } from "../../../stack/client.ts";
import { eventually } from "../../support/eventually.ts";
import { type LaunchedStack, launchStack } from "../../../stack/launch.ts";

const FIXTURES = fileURLToPath(new URL("../../../stack/edge/fixtures", import.meta.url));

/** What a stack consists of, seen from outside. */
interface Traces {
  folder: string;
  servers: string[];
  functionPid: number;
}

/** Starts a stack with a project whose function has work to do, and notes where all of it is. */
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

/** Waits until nothing of it is left. */
async function untilGone({ folder, servers, functionPid }: Traces): Promise<void> {
  for (const server of servers) {
    await eventually(`${server} is gone`, () => isRefused(Number(new URL(server).port)));
  }
  await eventually("the function's process is gone", () => isDead(functionPid));
  await eventually(`${folder} is gone`, () => Deno.stat(folder).then(() => false, () => true));
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

Deno.test("a stack that is stopped leaves nothing", async () => {
  const { stack, traces } = await launchBusyStack();
  await stack.stop();
  await untilGone(traces);
});

for (const signal of ["SIGKILL", "SIGINT", "SIGTERM"] as const) {
  Deno.test(`a stack that gets ${signal} leaves nothing`, async () => {
    const { stack, traces } = await launchBusyStack();
    assert.equal(isDead(traces.functionPid), false);
    kill(stack.pid, signal);
    const { success } = await stack.ended;
    assert.equal(success, signal !== "SIGKILL");
    await untilGone(traces);
    await stack.stop();
  });
}
