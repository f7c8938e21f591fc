import { z } from "zod";
import { operations } from "./control/operations.ts";
import type { Operation } from "./control/operation.ts";
import type { Stack } from "./stack.ts";

/** A failure in the control API's answer; `code`, `hint` and `detail` are PostgreSQL's. */
export interface ControlFailure {
  message: string;
  code?: string;
  hint?: string;
  detail?: string;
}

/** The running control API of a stack. */
export interface ControlServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`: the value of HOLDFAST_STACK_URL. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Serves the operations of a stack to other processes on 127.0.0.1: `POST /<operation>` with its
 * input as JSON answers `{result}`, or 400 and `{failure}`.
 */
export function serveControl(stack: Stack, options: { port?: number } = {}): ControlServer {
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: options.port ?? 0,
    onListen: () => undefined,
  }, (request) => answer(stack, request));
  const stop = () => server.shutdown();
  return { url: `http://127.0.0.1:${server.addr.port}`, stop, [Symbol.asyncDispose]: stop };
}

async function answer(stack: Stack, request: Request): Promise<Response> {
  const name = new URL(request.url).pathname.slice(1);
  if (request.method !== "POST" || !Object.hasOwn(operations, name)) {
    return Response.json({ failure: { message: `there is no operation ${name}` } }, {
      status: 404,
    });
  }
  const operation = operations[name as keyof typeof operations] as Operation<z.ZodType, unknown>;
  try {
    const input = operation.input.parse(await request.json());
    return Response.json({ result: await operation.run(stack, input) ?? null });
  } catch (error) {
    return Response.json({ failure: failureOf(error) }, { status: 400 });
  }
}

function failureOf(error: unknown): ControlFailure {
  if (error instanceof z.ZodError) return { message: z.prettifyError(error) };
  if (!(error instanceof Error)) return { message: String(error) };
  const failure: ControlFailure = { message: error.message };
  for (const field of ["code", "hint", "detail"] as const) {
    const value = Reflect.get(error, field);
    if (typeof value === "string") failure[field] = value;
  }
  return failure;
}
