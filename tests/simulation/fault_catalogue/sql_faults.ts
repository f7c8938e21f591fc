import { HoldfastError } from "../../../supabase/functions/_holdfast/config/errors.ts";
import type { ServerFault } from "./names.ts";

/** The error of a call to PostgreSQL under a fault. The call was not executed. */
export function errorFor(fault: ServerFault): Error {
  switch (fault) {
    case "disk_full":
      return new HoldfastError("database_read_only", "could not extend file: No space left");
    case "connection_refused":
      return new HoldfastError("database_unreachable", "Postgres: ECONNREFUSED.");
    case "serialization_failure":
      return Object.assign(new Error("could not serialize access"), { code: "40001" });
    default:
      return Object.assign(new Error("canceling statement due to statement timeout"), {
        code: "57014",
      });
  }
}
