/** The ways in which a server may repeat a header. */
const WAYS: readonly ((text: string) => string)[] = [
  (text) => text,
  btoa,
  encodeURIComponent,
  (text) => encodeURIComponent(btoa(text)),
];
/** So many requests are answered in all the ways. */
export const ECHO_WAYS = WAYS.length;

/** A server that refuses everything, and repeats in its refusals what it was sent. */
export interface EchoServer extends AsyncDisposable {
  readonly url: string;
  /** Requests that came, without their query. */
  readonly requests: string[];
  /** Those that came to where some of its answers point: nobody may go there. */
  readonly followed: string[];
}

/**
 * Answers as Storage below /storage/v1, and as S3 elsewhere; each answer repeats the headers of a
 * request in another way, and every fifth points elsewhere.
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
    const way = WAYS[requests.length % WAYS.length]!;
    requests.push(`${request.method} ${pathname}`);
    if (requests.length % (WAYS.length + 1) === 0) {
      return Response.redirect(`http://127.0.0.1:${trap.addr.port}/latest/meta-data`, 307);
    }
    const said = ["authorization", "apikey"].map((name) => request.headers.get(name))
      .filter((value) => value !== null).map(way).join(" and ");
    const headers = { "x-was-sent": said, etag: `"${said}"` };
    return pathname.startsWith("/storage/v1/")
      ? Response.json({ statusCode: "400", error: "Odd", message: said, code: "Odd" }, {
        status: 400,
        headers,
      })
      : new Response(`<Error><Code>Odd</Code><Message>${said}</Message></Error>`, {
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
