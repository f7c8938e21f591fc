/** The Edge Function holdfast-api: lists runs and backups. It is read-only. */
import { createApiApp } from "../_holdfast/app/api_app.ts";
import { edgeOptions } from "../_holdfast/app/edge_options.ts";

Deno.serve(createApiApp(edgeOptions()).fetch);
