/** What an app is composed of on Edge Runtime. */
/// <reference types="npm:@supabase/functions-js@2.119.0/src/edge-runtime.d.ts" />
import { createBudget, threadCpu } from "../engine/budget.ts";
import { systemClock } from "../lib/clock/clock.ts";
import { connectDatabase } from "../project/database.ts";
import { runtimeEnvironment } from "../config/environment.ts";
import type { AppOptions } from "./app.ts";

/** The options of the one app of this isolate. Its budget begins now. */
export function edgeOptions(): AppOptions {
  const budget = createBudget({ clock: systemClock, cpu: threadCpu() });
  // Nine tenths of a limit are used, or the isolate is dropped: what is under way can still be
  // committed, but no more may be begun.
  // https://supabase.com/docs/guides/functions/background-tasks
  addEventListener("beforeunload", () => budget.close());
  return {
    environment: runtimeEnvironment,
    connect: connectDatabase,
    fetch,
    clock: systemClock,
    budget,
    waitUntil: (work) => EdgeRuntime.waitUntil(work),
  };
}
