/**
 * The main module of a function's process. It makes Deno behave like Supabase's Edge Runtime, loads
 * the function and serves its handler. It must run on Deno 2.1.4, too, and imports only files of
 * its folder.
 */
import { type Boot, BOOT_VARIABLE, type ShutdownReason } from "./protocol.ts";
import { connectToHost } from "./host_connection.ts";
import { reportMemory } from "./memory.ts";
import { removeMissing } from "./missing.ts";
import { redirectServe } from "./serve.ts";

const boot: Boot = JSON.parse(Deno.env.get(BOOT_VARIABLE)!);
hideVariables(boot.variables);

const exit: (code: number) => never = Deno.exit;
const host = await connectToHost(boot.hostPort, boot.token);
let pending = 0;
let retiring: ShutdownReason | undefined;

function dispatchBeforeUnload(reason: ShutdownReason): void {
  globalThis.dispatchEvent(new CustomEvent("beforeunload", { detail: { reason } }));
}

function end(reason: ShutdownReason): never {
  dispatchBeforeUnload(reason);
  exit(0);
}

function changePending(by: 1 | -1): void {
  pending += by;
  if (pending === 0 && retiring !== undefined) end(retiring);
  host.report({ type: "pending", count: pending });
}

/**
 * Returns the promise unchanged, as Edge Runtime does. A rejection stays unhandled and ends the
 * isolate, also as in Edge Runtime.
 */
function waitUntil<T>(promise: T): T {
  if (promise instanceof Promise) {
    changePending(1);
    promise.finally(() => changePending(-1));
  }
  return promise;
}

host.onOrder((order) => {
  if (order.type === "warn") return dispatchBeforeUnload(order.reason);
  if (order.type === "stop" || pending === 0) end(order.reason);
  retiring = order.reason;
});

reportMemory((bytes) => host.report({ type: "memory", bytes }));
Object.assign(globalThis, { EdgeRuntime: { waitUntil } });
const serving = redirectServe((port) => host.report({ type: "listening", port }));
removeMissing();

const module = await import(boot.module);
if (!serving.started() && typeof module.default?.fetch === "function") {
  serving.serve((request) => module.default.fetch(request));
}
if (!serving.started()) host.report({ type: "not_serving" });

function hideVariables(visible: string[]): void {
  for (const name of Object.keys(Deno.env.toObject())) {
    if (!visible.includes(name)) Deno.env.delete(name);
  }
}
