/** The Edge Function holdfast-backup: starts backups and imports, and runs their workers. */
import { createBackupApp } from "../_holdfast/app/backup_app.ts";
import { edgeOptions } from "../_holdfast/app/edge_options.ts";

Deno.serve(createBackupApp(edgeOptions()).fetch);
