/** The options of an app on Supabase Edge Runtime. */
/// <reference types="npm:@supabase/functions-js@2.119.0/src/edge-runtime.d.ts" />
import { createBudget, threadCpu } from "../engine/budget.ts";
import { systemClock } from "../lib/clock/clock.ts";
import { connectDatabase } from "../project/database.ts";
import { runtimeEnvironment } from "../config/environment.ts";
import type { AppOptions } from "./app.ts";

/** Makes the options of this isolate's app. The isolate's budget starts with this call. */
export function edgeOptions(): AppOptions {
  const budget = createBudget({ clock: systemClock, cpu: threadCpu() });
  // The platform sends this event when the isolate has used 90 % of a limit, or when it retires the
  // isolate. Work in progress can still be committed. New work would be killed before its commit.
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
