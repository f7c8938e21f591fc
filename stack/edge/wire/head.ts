import { OversizedHeadError, TruncatedMessageError, type WireReader } from "./reader.ts";

/** Maximum size of the start line and all fields of a message together. */
const HEAD_BYTES = 131_072;

/** The start line and fields of an HTTP/1.1 message. Order and spelling are preserved. */
export class Head {
  constructor(
    readonly startLine: string,
    readonly fields: readonly (readonly [string, string])[],
  ) {}

  /** The first value of a field by its name in lower case; undefined if the field is missing. */
  get(name: string): string | undefined {
    return this.fields.find(([field]) => field.toLowerCase() === name)?.[1];
  }

  /** A copy of this head with another start line. */
  withStartLine(startLine: string): Head {
    return new Head(startLine, this.fields);
  }

  /** A copy of this head without the fields of these names (in lower case). */
  without(...names: string[]): Head {
    const kept = this.fields.filter(([field]) => !names.includes(field.toLowerCase()));
    return new Head(this.startLine, kept);
  }

  /** A copy of this head with exactly one field of this name (in lower case). */
  with(name: string, value: string): Head {
    return new Head(this.startLine, [...this.without(name).fields, [name, value]]);
  }

  /** The head as sent over the connection, including the empty line. */
  toString(): string {
    const lines = this.fields.map(([name, value]) => `${name}: ${value}\r\n`);
    return `${this.startLine}\r\n${lines.join("")}\r\n`;
  }
}

/**
 * Reads the next head; undefined if the connection ends before it.
 *
 * @throws {TruncatedMessageError} if the connection ends within the head
 * @throws {OversizedHeadError} if the head is longer than 128 KiB
 */
export async function readHead(reader: WireReader): Promise<Head | undefined> {
  const startLine = await reader.line(HEAD_BYTES);
  if (startLine === undefined) return undefined;
  const fields: [string, string][] = [];
  let bytes = startLine.length;
  while (true) {
    const line = await reader.line(HEAD_BYTES);
    if (line === undefined) throw new TruncatedMessageError("the connection ended within a head");
    bytes += line.length;
    if (bytes > HEAD_BYTES) throw new OversizedHeadError(`a head above ${HEAD_BYTES} bytes`);
    const text = line.trimEnd();
    if (text === "") return new Head(startLine.trimEnd(), fields);
    const colon = text.indexOf(":");
    fields.push([text.slice(0, colon).trimEnd(), text.slice(colon + 1).trimStart()]);
  }
}

/** True if the sender of this head closes the connection after the message. */
export function closesConnection(head: Head): boolean {
  return /\bclose\b/i.test(head.get("connection") ?? "") || /HTTP\/1\.0/.test(head.startLine);
}
