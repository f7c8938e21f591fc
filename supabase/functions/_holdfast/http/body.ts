/** Reading a request's body: small JSON, checked. */
import { z } from "zod";
import { HoldfastError } from "../errors.ts";
import { faultsOf } from "../settings.ts";

/** No request to Holdfast needs more. */
const MAX_BODY_BYTES = 64 * 1024;

/**
 * The request's body, checked by a schema; an empty body is `{}`.
 * @throws HoldfastError `request_invalid` that names every fault.
 */
export async function readBody<Schema extends z.ZodType>(
  request: Request,
  schema: Schema,
): Promise<z.output<Schema>> {
  const text = await readText(request);
  const result = schema.safeParse(parse(text));
  if (result.success) return result.data;
  const faults = faultsOf(result.error);
  throw new HoldfastError(
    "request_invalid",
    faults.map(({ path, message }) => `${path}: ${message}`).join("; "),
    { faults },
  );
}

/** A UUID of a path. @throws HoldfastError `run_unknown`: no run can have another kind of id. */
export function readRunId(text: string): string {
  if (z.uuid().safeParse(text).success) return text;
  throw new HoldfastError("run_unknown", "A run's id is a UUID.");
}

async function readText(request: Request): Promise<string> {
  let size = 0;
  const chunks: Uint8Array[] = [];
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw bodyFault(`is larger than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(whole);
  } catch (error) {
    throw bodyFault("is not UTF-8", error);
  }
}

function parse(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch (error) {
    throw bodyFault("is not JSON", error);
  }
}

function bodyFault(message: string, cause?: unknown): HoldfastError {
  const faults = [{ path: "body", message }];
  return new HoldfastError("request_invalid", `body: ${message}`, { faults, cause });
}
