/** Wrong values as errors that name each of them. */
import type { z } from "zod";
import { type Fault, HoldfastError } from "./errors.ts";

/** zod's issues as faults. Schemas' messages must not repeat a value, which may be a secret. */
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

/** The error `settings_invalid` that names each fault. */
export function invalidSettings(faults: readonly Fault[]): HoldfastError {
  const named = faults.map((fault) => `${fault.path} ${fault.message}`).join("; ");
  return new HoldfastError("settings_invalid", `${named}.`, { faults });
}
