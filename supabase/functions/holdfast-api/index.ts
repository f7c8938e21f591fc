/** Answers what backups and runs there are. */
import { createApiApp } from "../_holdfast/app/api_app.ts";
import { edgeOptions } from "../_holdfast/app/edge_options.ts";

Deno.serve(createApiApp(edgeOptions()).fetch);
