import { HoldfastError } from "../../../supabase/functions/_holdfast/errors.ts";
import type { Database } from "../../../supabase/functions/_holdfast/project/database.ts";
import { answerUnder, errorUnder } from "./alphabet.ts";
import type { Door } from "./door.ts";
import type { LaneState } from "./lane_state.ts";

/** What a door tells of a call to Postgres that passed it. */
export interface DatabaseCall {
  readonly name: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** Watches one call: it is made with `send`, and whatever that does is to be passed on. */
export type CallWatch = <Result>(
  call: DatabaseCall,
  send: () => Promise<Result>,
) => Promise<Result>;

/** A lane's way to Postgres, through the door. */
export function databaseThrough(
  door: Door,
  lane: LaneState,
  database: Database,
  watch: CallWatch,
): Database {
  return {
    call: (name, parameters) =>
      door.pass(lane, {
        party: "sql",
        action: name,
        send: () => watch({ name, parameters }, () => database.call(name, parameters)),
        sendUnder: (fault) => Promise.reject(errorUnder(fault)),
        lost: () => new HoldfastError("database_unreachable", "Postgres: CONNECTION_CLOSED."),
      }),
    close: () => database.close(),
  };
}

/** A lane's way to Storage and S3, through the door; whole answers are passed on. */
export function requestThrough(
  door: Door,
  lane: LaneState,
  s3Origin: string,
): typeof fetch {
  return (input, init) => {
    const request = new Request(input, init);
    const { origin, pathname: path, search: query } = new URL(request.url);
    const party = origin === s3Origin ? "s3" : "storage";
    const isUpload = party === "storage" && init?.body !== undefined;
    // Whoever sleeps before it is sent asked for it while nothing of it was known.
    const asked = door.steps.length + 1;
    const send = async (flip: boolean) => {
      const response = await fetch(flip ? await flipped(request) : request, { redirect: "manual" });
      const { status, headers } = response;
      const { method } = request;
      door.exchanges.push({
        party,
        step: asked,
        method,
        origin,
        path,
        query,
        status,
      });
      const body = await bodyOf(request.method, response);
      return new Response(body, { status, headers });
    };
    return door.pass(lane, {
      party,
      action: `${request.method} ${path}`,
      send: () => send(false),
      sendUnder: (fault) => answerUnder(fault, () => send(false)),
      ...(isUpload && { sendFlipped: () => send(true) }),
      lost: () =>
        new TypeError("error sending request: connection closed before message completed"),
    });
  };
}

/** Null where an answer of this kind may not have one. */
async function bodyOf(
  method: string,
  response: Response,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  const none = method === "HEAD" || [101, 204, 205, 304].includes(response.status);
  return none ? null : bytes;
}

/** A request with the byte in the middle of its body inverted. */
async function flipped(request: Request): Promise<Request> {
  const bytes = new Uint8Array(await request.arrayBuffer());
  const at = bytes.length >> 1;
  if (at < bytes.length) bytes[at] = ~bytes[at]!;
  const { url, method, headers } = request;
  return new Request(url, { method, headers, body: bytes });
}
