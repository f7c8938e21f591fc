/** Encodings in which a server may repeat a header. */
const ENCODINGS: readonly ((text: string) => string)[] = [
  (text) => text,
  btoa,
  encodeURIComponent,
  (text) => encodeURIComponent(btoa(text)),
];
/** Number of requests after which every encoding was used. */
export const ECHO_ENCODINGS = ENCODINGS.length;

/** A server that refuses every request and repeats the request's headers in its response. */
export interface EchoServer extends AsyncDisposable {
  readonly url: string;
  /** The received requests, without their queries. */
  readonly requests: string[];
  /** Requests to the target of its redirects. Clients must not follow them. */
  readonly followed: string[];
}

/**
 * Responds as Storage below /storage/v1 and as S3 on all other paths. Each response repeats the
 * request's headers in the next encoding. Every fifth response is a redirect.
 */
export function startEcho(): EchoServer {
  const requests: string[] = [];
  const followed: string[] = [];
  const trap = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    followed.push(`${request.method} ${request.url}`);
    return new Response("{}");
  });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const { pathname } = new URL(request.url);
    const encode = ENCODINGS[requests.length % ENCODINGS.length]!;
    requests.push(`${request.method} ${pathname}`);
    if (requests.length % (ENCODINGS.length + 1) === 0) {
      return Response.redirect(`http://127.0.0.1:${trap.addr.port}/latest/meta-data`, 307);
    }
    const repeated = ["authorization", "apikey"].map((name) => request.headers.get(name))
      .filter((value) => value !== null).map(encode).join(" and ");
    const headers = { "x-was-sent": repeated, etag: `"${repeated}"` };
    return pathname.startsWith("/storage/v1/")
      ? Response.json({ statusCode: "400", error: "Odd", message: repeated, code: "Odd" }, {
        status: 400,
        headers,
      })
      : new Response(`<Error><Code>Odd</Code><Message>${repeated}</Message></Error>`, {
        status: 400,
        headers,
      });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    requests,
    followed,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await trap.shutdown();
    },
  };
}
