/** Answers what backups and runs there are. */
import { createApiApp } from "../_holdfast/http/api_app.ts";
import { edgeOptions } from "../_holdfast/http/edge.ts";

Deno.serve(createApiApp(edgeOptions()).fetch);
