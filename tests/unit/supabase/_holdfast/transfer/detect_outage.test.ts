import assert from "node:assert/strict";
import type { CopyContext } from "../../../../../supabase/functions/_holdfast/jobs/backup/copy.ts";
import { detectOutage } from "../../../../../supabase/functions/_holdfast/transfer/detect_outage.ts";
import type { PossibleOutage } from "../../../../../supabase/functions/_holdfast/transfer/read_object.ts";
import type { StorageRead } from "../../../../../supabase/functions/_holdfast/project/storage_reader.ts";

const BROKEN: PossibleOutage = { busy: false, retryAfterMs: 0 };
const BUSY: PossibleOutage = { busy: true, retryAfterMs: 0 };
const A = { bucket_id: "b", name: "a" };
const B = { bucket_id: "b", name: "b" };

/** The observations from which an outage is detected; empty by default. */
interface World {
  doubts?: (PossibleOutage | undefined)[];
  read?: { bucket_id: string; name: string }[];
  held?: { bucket_id: string; name: string }[];
  /** Names that can be read now. */
  readable?: string[];
  attempts?: number;
  doubted?: boolean;
  lists?: boolean;
}

async function judge(world: World) {
  const { doubts = [BROKEN], read = [], held = [], readable = [], attempts = 1 } = world;
  const asked: string[] = [];
  const answer = (name: string): StorageRead => {
    asked.push(name);
    if (!readable.includes(name)) return { kind: "failed", message: "HTTP 500" };
    return { kind: "bytes", response: new Response("x"), etag: "", fresh: true };
  };
  const outside = {
    attempts,
    storageAnswers: () => Promise.resolve(world.lists ?? false),
    reader: { read: (_: string, name: string) => Promise.resolve(answer(name)) },
    database: {
      call: (name: string) =>
        Promise.resolve(name === "readable_objects" ? held : world.doubted ?? false),
    },
  } as unknown as CopyContext;
  const failure = { class: "failed", code: "storage_failed", message: "HTTP 500" } as const;
  const outage = await detectOutage(
    doubts.map((possibleOutage) => ({ failure, possibleOutage })),
    read,
    outside,
  );
  return { outage, asked };
}

const out = async (world: World) => (await judge(world)).outage?.code === "storage_unreachable";

Deno.test("an error about the object is the object's own and needs no probe", async () => {
  assert.deepEqual(await judge({ doubts: [undefined] }), { outage: undefined, asked: [] });
});

Deno.test("while another object can be read again, failures belong to the objects", async () => {
  assert.equal(await out({ read: [A], readable: ["a"] }), false);
  assert.equal(await out({ read: [A, B], readable: ["b"] }), false);
  assert.equal(await out({ held: [A, B], readable: ["b"] }), false);
});

Deno.test("if no object that was readable can be read, Storage has an outage of any length", async () => {
  assert.equal(await out({ read: [A, B] }), true);
  assert.equal(await out({ held: [A], attempts: 300, lists: true, doubted: true }), true);
});

Deno.test("at most three of the objects read before are probed", async () => {
  const read = Array.from({ length: 400 }, (_, index) => ({ bucket_id: "b", name: `${index}` }));
  const { asked } = await judge({ read });
  assert.deepEqual(asked, ["397", "398", "399"]);
});

Deno.test("a busy Storage is waited for, with a limit for one object", async () => {
  const world = { doubts: [BROKEN, BUSY], read: [A], readable: ["a"] };
  assert.equal(await out({ ...world, attempts: 4 }), true);
  assert.equal(await out({ ...world, attempts: 5 }), false);
  assert.equal(await out({ ...world, attempts: 5, readable: [] }), true);
});

Deno.test("if no object was readable yet, the wait lasts some minutes, or longer without any response", async () => {
  assert.equal(await out({ attempts: 4, lists: true }), true);
  assert.equal(await out({ attempts: 5, lists: true }), false);
  assert.equal(await out({ attempts: 300, lists: false }), true);
  assert.equal(await out({ attempts: 1, lists: true, doubted: true }), false, "not page by page");
  assert.equal(await out({ attempts: 1, lists: false, doubted: true }), true);
});

Deno.test("an outage lasts as long as the longest Retry-After", async () => {
  const doubts = [BUSY, { busy: true, retryAfterMs: 90_000 }, { busy: true, retryAfterMs: 7 }];
  const { outage } = await judge({ doubts });
  assert.equal(outage?.retryAfterMs, 90_000);
  assert.match(outage?.message ?? "", /HTTP 500/);
});
