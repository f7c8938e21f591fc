type Handler = (request: Request, info: Deno.ServeHandlerInfo) => Response | Promise<Response>;
type Options = Pick<Deno.ServeTcpOptions, "onError" | "onListen" | "signal">;

/** The state of the function's handler. */
export interface Serving {
  /** Serves a handler that was not passed to `Deno.serve`. */
  serve(handler: Handler): void;
  /** True once a handler is served. */
  started(): boolean;
}

/**
 * Makes every form of `Deno.serve` listen on a free port of 127.0.0.1 instead of the requested
 * address, and reports the port of the first handler.
 */
export function redirectServe(onListening: (port: number) => void): Serving {
  const original = Deno.serve;
  let started = false;

  function serve(...form: unknown[]): unknown {
    const options = form.find((part) => typeof part === "object" && part !== null) as
      | Options & { handler?: Handler }
      | undefined;
    const handler = form.find((part) => typeof part === "function") as Handler | undefined ??
      options?.handler;
    if (handler === undefined) throw new TypeError("A handler function must be provided.");
    const first = !started;
    started = true;
    return original({
      ...(options?.onError && { onError: options.onError }),
      ...(options?.signal && { signal: options.signal }),
      hostname: "127.0.0.1",
      port: 0,
      onListen(address) {
        if (first) onListening(address.port);
        options?.onListen?.(address);
      },
    }, handler);
  }

  Object.defineProperty(Deno, "serve", { value: serve, configurable: true });
  return { serve: (handler) => void serve(handler), started: () => started };
}
