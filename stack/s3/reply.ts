import type { ServerResponse } from "node:http";
import { S3Error } from "./errors.ts";
import type { Reply, ReplyBytes } from "./request.ts";
import { xmlError } from "./xml.ts";

/** How to send an answer. */
export interface ReplyTarget {
  readonly response: ServerResponse;
  /** The connection is cut after this many bytes of the body. */
  readonly cutAfterBytes?: number;
  /** Called with the number of bytes of the body that are sent. */
  sent(bytes: number): void;
}

/** Sends an answer. Resolves when it is sent or the client has disconnected. */
export async function sendReply(reply: Reply, target: ReplyTarget): Promise<void> {
  const { response } = target;
  const withoutBody = response.req.method === "HEAD";
  const { status = 200, headers = {}, body } = reply;
  if (typeof body === "object") {
    try {
      response.writeHead(status, headers);
      if (!withoutBody) await sendChunks(body, target);
      await end(response);
    } finally {
      body.release();
    }
    return;
  }
  const bytes = new TextEncoder().encode(body ?? "");
  const own: Record<string, string> = { ...headers };
  if (body !== undefined) own["content-type"] = "application/xml";
  if (status !== 204 && status !== 304) own["content-length"] ??= String(bytes.byteLength);
  response.writeHead(status, own);
  if (!withoutBody && bytes.byteLength > 0) {
    const release = () => {};
    await sendChunks({ bytes: bytes.byteLength, chunks: [bytes], release }, target);
  }
  await end(response);
}

/** A body that is streamed, or that is already in memory as chunks. */
interface Chunks extends Omit<ReplyBytes, "chunks"> {
  readonly chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

async function sendChunks(body: Chunks, target: ReplyTarget): Promise<void> {
  const { response, cutAfterBytes } = target;
  const closed = new Promise<void>((resolve) => response.once("close", resolve));
  let left = cutAfterBytes ?? Infinity;
  let missing = body.bytes;
  for await (const chunk of body.chunks) {
    if (response.destroyed) return;
    const piece = chunk.subarray(0, Math.min(chunk.byteLength, left));
    left -= piece.byteLength;
    missing -= piece.byteLength;
    target.sent(piece.byteLength);
    if (left === 0) {
      await cutAfter(response, piece);
      return;
    }
    if (!response.write(piece)) {
      await Promise.race([new Promise<void>((resolve) => response.once("drain", resolve)), closed]);
    }
  }
  // The body is shorter than its content-length. Without this the client would wait forever.
  if (missing !== 0) response.destroy();
}

async function cutAfter(response: ServerResponse, piece: Uint8Array): Promise<void> {
  response.flushHeaders();
  if (piece.byteLength > 0) {
    await new Promise<void>((resolve) => response.write(piece, () => resolve()));
  }
  response.destroy();
}

function end(response: ServerResponse): Promise<void> {
  if (response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    response.once("close", resolve);
    response.end(() => resolve());
  });
}

/** An error as S3 answers it. `resource` is the decoded path. */
export function errorReply(error: S3Error, resource: string, requestId: string): Reply {
  if (error.status === 304) return { status: 304 };
  return {
    status: error.status,
    body: xmlError({
      Code: error.code,
      Message: error.message,
      ...error.details,
      Resource: resource,
      RequestId: requestId,
    }),
  };
}
