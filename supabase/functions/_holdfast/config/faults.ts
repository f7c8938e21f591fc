/** Errors that name every wrong value of a request or of the settings. */
import type { z } from "zod";
import { type Fault, HoldfastError } from "./errors.ts";

/** Converts zod's issues to faults. Messages of schemas must not repeat values, which may be secret. */
export function faultsOf(error: z.ZodError): Fault[] {
  return error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => ({
        path: [...issue.path, key].join("."),
        message: "is not a field of this request",
      }))
      : [{ path: issue.path.join(".") || "body", message: issue.message }]
  );
}

/** Makes the error `settings_invalid`, which names every fault. */
export function invalidSettings(faults: readonly Fault[]): HoldfastError {
  const named = faults.map((fault) => `${fault.path} ${fault.message}`).join("; ");
  return new HoldfastError("settings_invalid", `${named}.`, { faults });
}
