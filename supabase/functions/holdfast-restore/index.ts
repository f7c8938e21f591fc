/** Starts restores and works as a worker of one. Deployed, keyed and revoked alone. */
import { createRestoreApp } from "../_holdfast/app/restore_app.ts";
import { edgeOptions } from "../_holdfast/app/edge_options.ts";

Deno.serve(createRestoreApp(edgeOptions()).fetch);
