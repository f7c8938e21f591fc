/** Starts backups and works as a worker of one. */
import { createBackupApp } from "../_holdfast/app/backup_app.ts";
import { edgeOptions } from "../_holdfast/app/edge_options.ts";

Deno.serve(createBackupApp(edgeOptions()).fetch);
