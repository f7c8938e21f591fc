/** Starts backups and works as a lane of one. */
import { createBackupApp } from "../_holdfast/http/backup_app.ts";
import { edgeOptions } from "../_holdfast/http/edge.ts";

Deno.serve(createBackupApp(edgeOptions()).fetch);
