/** A row of net.http_request_queue. */
export interface NetRequest {
  id: string;
  method: string;
  url: string;
  headers: Record<string, string | null> | null;
  body: string | null;
  timeoutMilliseconds: number;
}

/** A row of net._http_response. */
export interface NetResponse {
  id: string;
  status_code: number | null;
  content_type: string | null;
  headers: Record<string, string> | null;
  content: string | null;
  timed_out: boolean;
  error_msg: string | null;
}

const LOOPBACK = ["127.0.0.1", "localhost"];

/** Sends a request and returns the row that pg_net would write. It never throws. */
export async function send(
  request: NetRequest,
  options: { client: Deno.HttpClient; signal: AbortSignal },
): Promise<NetResponse> {
  const failure = (error: string, timedOut = false): NetResponse => ({
    id: request.id,
    status_code: null,
    content_type: null,
    headers: null,
    content: null,
    timed_out: timedOut,
    error_msg: error,
  });
  if (!isLoopback(request.url)) return failure("Couldn't resolve host name");

  const ending = new AbortController();
  const abort = () => ending.abort();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    abort();
  }, request.timeoutMilliseconds);
  options.signal.addEventListener("abort", abort);
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers: headersOf(request),
      body: request.body,
      // A redirect could lead to another machine.
      redirect: "manual",
      signal: ending.signal,
      client: options.client,
    });
    const content = await response.text();
    return {
      id: request.id,
      status_code: response.status,
      content_type: response.headers.get("content-type"),
      headers: Object.fromEntries(response.headers),
      content: content === "" ? null : content,
      timed_out: false,
      error_msg: null,
    };
  } catch {
    if (timedOut) return failure(`Timeout of ${request.timeoutMilliseconds} ms reached.`, true);
    return failure("Couldn't connect to server");
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener("abort", abort);
  }
}

function isLoopback(url: string): boolean {
  return URL.canParse(url) && LOOPBACK.includes(new URL(url).hostname);
}

function headersOf(request: NetRequest): Headers {
  const headers = new Headers({ "user-agent": "pg_net/0.20.4" });
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    if (value !== null) headers.set(name, value);
  }
  return headers;
}
