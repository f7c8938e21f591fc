import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { ConnectionLostError, IncomingBody } from "./body/incoming.ts";
import { authenticate } from "./auth/authenticate.ts";
import { honourLock } from "./auth/object_lock.ts";
import { authorize } from "./auth/permissions.ts";
import { honouredHeaders } from "./conditions.ts";
import { S3Error } from "./errors.ts";
import { applyFault } from "./faults.ts";
import { perform } from "./operations/mod.ts";
import { type ParsedRequest, parseRequest } from "./parse_request.ts";
import { errorReply, sendReply } from "./reply.ts";
import type { Reply } from "./request.ts";
import { RequestLog } from "../request_log.ts";
import type { Store } from "./store/store.ts";
import type {
  ConditionalWrites,
  Credential,
  FaultHook,
  S3Options,
  S3RequestRecord,
  S3Server,
} from "./types.ts";

/** Longer than clients keep idle connections, so that none is closed while a client reuses it. */
const KEEP_ALIVE_MILLISECONDS = 5 * 60 * 1000;

/** Several times the size of a percent-encoded key of 1,024 bytes and the largest metadata. */
const HEADER_BYTES = 64 * 1024;

/** Header with the id of a request in its answer. It identifies the request in logs. */
const REQUEST_ID = "x-amz-request-id";

/**
 * The HTTP side of the stand-in.
 *
 * It uses node:http instead of Deno.serve. Only node:http can cut a connection without an answer
 * and provides paths, repeated headers and a missing Content-Length as sent.
 */
export class HttpServer implements S3Server {
  readonly requests = new RequestLog<S3RequestRecord>();
  readonly region: string;
  readonly locked = new Set<string>();
  onRequest: FaultHook | undefined;
  credentials: readonly Credential[];
  conditionalWrites: ConditionalWrites;
  readonly #store: Store;
  readonly #aheadMilliseconds: number;
  readonly #server: Server;
  #port = 0;
  readonly #scheme: "http" | "https";
  readonly #running = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #stopped: Promise<void> | undefined;

  private constructor(options: S3Options, store: Store) {
    this.#store = store;
    this.#aheadMilliseconds = options.aheadMilliseconds ?? 0;
    this.region = options.region;
    this.credentials = options.credentials;
    this.onRequest = options.onRequest;
    this.conditionalWrites = options.conditionalWrites ?? "all";
    const listener = (message: IncomingMessage, response: ServerResponse) => {
      const handling = this.#handle(message, response);
      this.#running.add(handling);
      handling.finally(() => this.#running.delete(handling));
    };
    const settings = {
      keepAliveTimeout: KEEP_ALIVE_MILLISECONDS,
      maxHeaderSize: HEADER_BYTES,
      requestTimeout: 0,
    };
    this.#scheme = options.tls === undefined ? "http" : "https";
    this.#server = options.tls === undefined
      ? createServer(settings, listener)
      : createTlsServer({ ...settings, ...options.tls }, listener);
  }

  /** Starts a server on 127.0.0.1. Resolves when it listens. */
  static async listen(options: S3Options, store: Store): Promise<HttpServer> {
    const server = new HttpServer(options, store);
    await new Promise<void>((resolve, reject) => {
      server.#server.once("error", reject);
      server.#server.listen(options.port ?? 0, "127.0.0.1", resolve);
    });
    server.#port = (server.#server.address() as AddressInfo).port;
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get endpoint(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}`;
  }

  async createBucket(name: string): Promise<void> {
    if (this.#store.buckets().some((bucket) => bucket.name === name)) return;
    await this.#store.createBucket(name);
  }

  objectFiles(bucket: string, key: string): string[] {
    const { bodies } = this.#store.bucket(bucket);
    return this.#store.bucket(bucket).object(key).segments.map(({ id }) => bodies.path(id));
  }

  ageUploads(bucket: string, milliseconds: number): void {
    this.#store.bucket(bucket).state.ageUploads(milliseconds);
  }

  stop(): Promise<void> {
    return this.#stopped ??= this.#stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
    await Promise.allSettled([...this.#running]);
    this.#store.close();
  }

  async #handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = new IncomingBody(message);
    const parsed = parseRequest(message);
    const requestId = crypto.randomUUID();
    response.setHeader(REQUEST_ID, requestId);
    const now = Date.now() + this.#aheadMilliseconds;
    response.setHeader("date", new Date(now).toUTCString());
    const { record, finish } = this.requests.begin(parsed.record);
    try {
      const fault = this.onRequest?.(record);
      const outcome = await applyFault(fault, body, this.#stopping.signal);
      if (outcome.kind === "cut") {
        message.socket.destroy();
        return;
      }
      const reply = outcome.kind === "answer"
        ? outcome.reply
        : await this.#answer(parsed, body, record, requestId);
      record.requestBytes = body.received;
      if (outcome.kind === "serve" && outcome.loseReply) {
        if (typeof reply.body === "object") reply.body.release();
        message.socket.destroy();
        return;
      }
      record.status = reply.status ?? 200;
      await sendReply(reply, {
        response,
        cutAfterBytes: outcome.kind === "serve" ? outcome.cutAfterBytes : undefined,
        sent: (bytes) => record.responseBytes += bytes,
      });
    } catch (error) {
      message.socket.destroy();
      if (!(error instanceof ConnectionLostError)) console.error("S3 stand-in:", error);
    } finally {
      record.requestBytes = body.received;
      finish();
    }
    await body.discardRest();
  }

  /** Serves a request. A refusal is returned as an answer. */
  async #answer(
    parsed: ParsedRequest,
    body: IncomingBody,
    record: S3RequestRecord,
    requestId: string,
  ): Promise<Reply> {
    try {
      if (parsed.refusal !== undefined) throw parsed.refusal;
      const { request } = parsed;
      const { credentials, region, endpoint } = this;
      const authentication = authenticate(request, {
        credentials,
        region,
        now: Date.now() + this.#aheadMilliseconds,
      });
      const { accessKeyId, permissions = "all" } = authentication.credential;
      record.accessKeyId = accessKeyId;
      authorize(permissions, request.operation, request.headers);
      if (this.locked.has(record.bucket ?? "")) honourLock(request.operation, request.headers);
      const headers = honouredHeaders(request, this.conditionalWrites);
      const checked = { ...request, headers, authentication, body, endpoint, region };
      return await perform(checked, this.#store);
    } catch (error) {
      if (error instanceof ConnectionLostError) throw error;
      if (!(error instanceof S3Error)) console.error("S3 stand-in:", error);
      const refusal = error instanceof S3Error ? error : new S3Error("InternalError");
      return errorReply(refusal, parsed.resource, requestId);
    }
  }
}
