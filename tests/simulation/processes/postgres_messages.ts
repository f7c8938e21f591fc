import { Buffer } from "node:buffer";

/** A message of PostgreSQL's protocol: its type, and all its bytes with type and length. */
export interface Message {
  readonly type: string;
  readonly bytes: Buffer;
}

const HEAD_BYTES = 5;

/**
 * Cuts a stream into messages: a type, a length and a body. Start-up messages have another form.
 */
export class MessageCutter {
  #rest: Buffer = Buffer.alloc(0);

  /** Returns the messages that these bytes complete. */
  cut(bytes: Uint8Array): Message[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const messages: Message[] = [];
    while (this.#rest.length >= HEAD_BYTES) {
      const length = 1 + this.#rest.readUInt32BE(1);
      if (this.#rest.length < length) break;
      const bytes = this.#rest.subarray(0, length);
      messages.push({ type: String.fromCharCode(bytes[0]!), bytes });
      this.#rest = this.#rest.subarray(length);
    }
    return messages;
  }
}

/** The name of the prepared statement that a Parse makes, and its text. */
export function parsedStatement({ bytes }: Message): { name: string; text: string } {
  const [name = "", text = ""] = bytes.subarray(HEAD_BYTES).toString("utf8").split("\0");
  return { name, text };
}

/** The name of the prepared statement that a Bind is for. */
export function boundStatement({ bytes }: Message): string {
  return bytes.subarray(HEAD_BYTES).toString("utf8").split("\0")[1] ?? "";
}
