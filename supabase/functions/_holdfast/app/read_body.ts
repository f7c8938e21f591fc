/** Reads and validates the small JSON body of a request. */
import { z } from "zod";
import { joinBytes } from "../lib/streams/read_limited.ts";
import type { Clock } from "../lib/clock/clock.ts";
import { HoldfastError } from "../config/errors.ts";
import { faultsOf } from "../config/faults.ts";

/** Largest body that is accepted. No request to Holdfast needs more. */
const MAX_BODY_BYTES = 64 * 1024;
/** Time for the body to arrive. A client that sends byte by byte would keep the isolate alive. */
const BODY_TIMEOUT_MS = 10_000;

/**
 * Reads the body of a request and validates it. An empty body counts as `{}`.
 *
 * @param timeoutMs milliseconds until the body must have arrived
 * @returns the value as the schema parses it
 * @throws HoldfastError `request_invalid`, which names every fault
 */
export async function readBody<Schema extends z.ZodType>(
  request: Request,
  schema: Schema,
  clock: Clock,
  timeoutMs: number = BODY_TIMEOUT_MS,
): Promise<z.output<Schema>> {
  const text = await readText(request, clock, timeoutMs);
  const result = schema.safeParse(parse(text));
  if (result.success) return result.data;
  const faults = faultsOf(result.error);
  throw new HoldfastError(
    "request_invalid",
    faults.map(({ path, message }) => `${path}: ${message}`).join("; "),
    { faults },
  );
}

/**
 * Validates the id of a run from a path.
 *
 * @returns the same text, which is a UUID
 * @throws HoldfastError `run_unknown` if the text is not a UUID
 */
export function readRunId(text: string): string {
  if (z.uuid().safeParse(text).success) return text;
  throw new HoldfastError("run_unknown", "A run's id is a UUID.");
}

async function readText(request: Request, clock: Clock, timeoutMs: number): Promise<string> {
  const bytes = request.body ? await readInTime(request.body, clock, timeoutMs) : new Uint8Array();
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw bodyFault("is not UTF-8", error);
  }
}

async function readInTime(
  body: ReadableStream<Uint8Array>,
  clock: Clock,
  timeoutMs: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader();
  let timedOut = false;
  const inTime = clock.after(timeoutMs, () => {
    timedOut = true;
    // This also ends the pending read.
    reader.cancel().catch(() => {});
  });
  try {
    const bytes = await readAll(reader);
    if (!timedOut) return bytes;
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    if (!timedOut) throw bodyFault("broke off", error);
  } finally {
    inTime();
  }
  throw bodyFault(`did not come within ${timeoutMs / 1000} s`);
}

async function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>> {
  let size = 0;
  const chunks: Uint8Array[] = [];
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    size += next.value.length;
    if (size > MAX_BODY_BYTES) {
      reader.cancel().catch(() => {});
      throw bodyFault(`is larger than ${MAX_BODY_BYTES} bytes`);
    }
    chunks.push(next.value);
  }
  return joinBytes(chunks, size);
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
