import { S3Error } from "./errors.ts";

/** The target of a request. The path is not decoded, because the signature covers the sent text. */
export interface RequestTarget {
  /** The path, percent-encoded as sent. */
  readonly path: string;
  /** The query's names and values, decoded, in the sent order. */
  readonly query: QueryParameters;
}

/** The parameters of a query. A name without `=` has the value "". */
export class QueryParameters {
  readonly #values = new Map<string, string>();

  constructor(readonly pairs: readonly (readonly [name: string, value: string])[]) {
    for (const [name, value] of pairs) {
      if (!this.#values.has(name)) this.#values.set(name, value);
    }
  }

  /** The first value of a name. */
  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  names(): Iterable<string> {
    return this.#values.keys();
  }
}

/**
 * Splits the target of a request line. Proxies send it with scheme and host.
 *
 * @throws {S3Error} InvalidURI if it is not percent-encoded UTF-8
 */
export function parseTarget(target: string): RequestTarget {
  const origin = /^https?:\/\/[^/?]*/i.exec(target)?.[0] ?? "";
  const [path, ...query] = target.slice(origin.length).split("?");
  return { path: path === "" ? "/" : path, query: parseQuery(query.join("?")) };
}

function parseQuery(text: string): QueryParameters {
  const pairs = text.split("&").filter((pair) => pair !== "").map((pair) => {
    const [name, ...value] = pair.split("=");
    return [decodeQuery(name), decodeQuery(value.join("="))] as const;
  });
  return new QueryParameters(pairs);
}

function decodeQuery(text: string): string {
  return decodeUri(text.replaceAll("+", " "));
}

/**
 * Decodes percent-encoding.
 *
 * @throws {S3Error} InvalidURI if the bytes are not UTF-8 or a percent sign has no hex digits
 */
export function decodeUri(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error("InvalidURI");
  }
}

/** Percent-encodes all but unreserved characters (RFC 3986), as Signature Version 4 demands. */
export function encodeUri(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** As {@link encodeUri}, but slashes stay. */
export function encodePath(path: string): string {
  return encodeUri(path).replaceAll("%2F", "/");
}
