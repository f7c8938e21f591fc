import { createApiApp } from "../../supabase/functions/_holdfast/app/api_app.ts";
import type { AppOptions } from "../../supabase/functions/_holdfast/app/app.ts";
import { createBackupApp } from "../../supabase/functions/_holdfast/app/backup_app.ts";
import { createRestoreApp } from "../../supabase/functions/_holdfast/app/restore_app.ts";
import { createBudget } from "../../supabase/functions/_holdfast/engine/budget.ts";
import { systemClock } from "../../supabase/functions/_holdfast/lib/clock/clock.ts";
import { connectDatabase } from "../../supabase/functions/_holdfast/project/database.ts";

/** An id that no run has. */
export const NO_RUN = "00000000-0000-4000-8000-000000000000";

/** Every route of every function as `METHOD function/path`, read from the functions themselves. */
export function routesServed(): string[] {
  const options: AppOptions = {
    environment: () => undefined,
    connect: connectDatabase,
    fetch,
    clock: systemClock,
    budget: createBudget({ clock: systemClock }),
    waitUntil: () => {},
  };
  const apps = [createApiApp(options), createBackupApp(options), createRestoreApp(options)];
  const routes = apps.flatMap(({ routes }) =>
    routes.map(({ method, path }) => `${method} ${path.slice(1)}`)
  );
  // Hono lists a route's middleware like the route itself.
  return [...new Set(routes)];
}
