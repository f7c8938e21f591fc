/**
 * The Edge Function holdfast-restore: starts restores and runs their workers. It is a function of
 * its own so that it can be deployed and revoked separately, with keys of its own scope.
 */
import { createRestoreApp } from "../_holdfast/app/restore_app.ts";
import { edgeOptions } from "../_holdfast/app/edge_options.ts";

Deno.serve(createRestoreApp(edgeOptions()).fetch);
