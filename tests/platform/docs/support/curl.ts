/** What a call of curl came to. */
export interface CurlAnswer {
  status: number;
  text: string;
}

/** Runs `curl` with these arguments, or where this machine has none, what it would have sent. */
export async function curl(args: readonly string[]): Promise<CurlAnswer> {
  const request = requestOf(args);
  try {
    return await runCurl(args);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const response = await fetch(request);
    return { status: response.status, text: await response.text() };
  }
}

async function runCurl(args: readonly string[]): Promise<CurlAnswer> {
  const { success, stdout, stderr } = await new Deno.Command("curl", {
    args: ["--write-out", "\n%{http_code}", ...args],
    stdin: "null",
  }).output();
  if (!success) throw new Error(`curl: ${new TextDecoder().decode(stderr)}`);
  const said = new TextDecoder().decode(stdout);
  const end = said.lastIndexOf("\n");
  return { status: Number(said.slice(end + 1)), text: said.slice(0, end) };
}

/**
 * The request that curl makes of its arguments, in the few forms that the documents use.
 *
 * @throws {RangeError} for a form that this does not know
 */
export function requestOf(args: readonly string[]): Request {
  const headers = new Headers({ "user-agent": "curl/8", accept: "*/*" });
  let [method, url, body]: (string | undefined)[] = [];
  const left = [...args];
  const value = (flag: string) => {
    const next = left.shift();
    if (next === undefined) throw new RangeError(`curl ${flag} wants a value`);
    return next;
  };
  for (let arg = left.shift(); arg !== undefined; arg = left.shift()) {
    if (arg === "-sS") continue;
    if (arg === "-X") method = value(arg);
    else if (arg === "-H") {
      const [, name, text] = /^([\w-]+):\s*(.+)$/.exec(value(arg)) ?? [];
      if (name === undefined) throw new RangeError("curl -H wants name: value");
      headers.set(name, text!);
    } else if (arg === "-d") body = value(arg);
    else if (arg.startsWith("-") || url !== undefined) throw new RangeError(`curl ${arg}`);
    else url = arg;
  }
  if (url === undefined) throw new RangeError("curl without a URL");
  // Without a content type, curl sends data as a form.
  if (body !== undefined && !headers.has("content-type")) {
    headers.set("content-type", "application/x-www-form-urlencoded");
  }
  return new Request(url, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers,
    body,
  });
}
