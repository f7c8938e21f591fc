import { migration, type Mutant } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "a page of the scan is committed without its lease",
  violates: ["fenced"],
  scenarios: ["first_backup"],
  edits: [
    {
      file: migration("backup"),
      find: "holdfast_private.require_lease(backup_commit.cursor_id, backup_commit.owner)",
      replace: "(select cc from holdfast_private.cursors cc where cc.id = backup_commit.cursor_id)",
    },
    {
      file: migration("engine"),
      find: "holdfast_private.require_lease(commit_cursor.cursor_id, commit_cursor.owner)",
      replace: "(select cc from holdfast_private.cursors cc where cc.id = commit_cursor.cursor_id)",
    },
  ],
};
