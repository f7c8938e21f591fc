/** Starts restores and works as a lane of one. Deployed, keyed and revoked alone. */
import { createRestoreApp } from "../_holdfast/http/restore_app.ts";
import { edgeOptions } from "../_holdfast/http/edge.ts";

Deno.serve(createRestoreApp(edgeOptions()).fetch);
