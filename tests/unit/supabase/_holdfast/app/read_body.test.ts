import assert from "node:assert/strict";
import fc from "fast-check";
import { z } from "zod";
import { HoldfastError } from "../../../../../supabase/functions/_holdfast/config/errors.ts";
import { readBody, readRunId } from "../../../../../supabase/functions/_holdfast/app/read_body.ts";
import { TestClock } from "../../test_clock.ts";
import { anyText } from "../../any_text.ts";

const MAX_BODY_BYTES = 64 * 1024;
const tooLarge = `body: is larger than ${MAX_BODY_BYTES} bytes`;

const schema = z.strictObject({
  snapshot: z.string().default("latest"),
  dry_run: z.boolean().default(true),
});

function read(body: BodyInit | null, headers: Record<string, string> = {}) {
  const request = new Request("http://h/runs", { method: "POST", body, headers });
  return readBody(request, schema, new TestClock());
}

/** The faults of a refusal: `path: message`. */
async function refused(body: BodyInit): Promise<string[]> {
  try {
    await read(body);
  } catch (error) {
    assert.ok(error instanceof HoldfastError, String(error));
    assert.equal(error.code, "request_invalid");
    return error.faults.map(({ path, message }) => `${path}: ${message}`);
  }
  throw new assert.AssertionError({ message: "it was not refused" });
}

const DEFAULTS = { snapshot: "latest", dry_run: true };

Deno.test("no body, an empty body and an empty object are read alike", async () => {
  for (const body of [null, "", " \r\n\t", "{}", " {} "]) {
    assert.deepEqual(await read(body), DEFAULTS);
  }
});

Deno.test("curl's default content type is accepted", async () => {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  assert.deepEqual(await read('{"dry_run": false}', headers), { ...DEFAULTS, dry_run: false });
});

Deno.test("a body in UTF-8 is read with and without a byte order mark", async () => {
  const bytes = new TextEncoder().encode('\ufeff{"snapshot": "é\u{1f600}"}');
  assert.deepEqual(await read(bytes), { ...DEFAULTS, snapshot: "é\u{1f600}" });
});

Deno.test("a character split between two chunks is read as one character", async () => {
  const bytes = new TextEncoder().encode('{"snapshot": "é"}');
  const pieces = [...bytes].map((byte) => new Uint8Array([byte]));
  assert.deepEqual(await read(ReadableStream.from(pieces)), { ...DEFAULTS, snapshot: "é" });
});

Deno.test("a body that arrives slowly or breaks off is refused without waiting", async () => {
  const clock = new TestClock();
  let cancelled = false;
  const dripping = new ReadableStream({
    pull: (controller) => {
      controller.enqueue(new TextEncoder().encode(" "));
      return clock.delay(5);
    },
    cancel: () => void (cancelled = true),
  });
  const request = new Request("http://h/runs", { method: "POST", body: dripping });
  await assert.rejects(readBody(request, schema, clock, 50), /did not come within 0.05 s/);
  assert.ok(cancelled);
  const silent = new ReadableStream({
    pull: () => {
      clock.advance(50);
      return new Promise(() => {});
    },
  }, { highWaterMark: 0 });
  const other = new Request("http://h/runs", { method: "POST", body: silent });
  await assert.rejects(readBody(other, schema, clock, 50), /did not come/);
  const broken = new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) });
  assert.deepEqual(await refused(broken), ["body: broke off"]);
});

Deno.test("a body that is not JSON is refused", async () => {
  for (const body of ["{", "latest", "{'a': 1}", "\0", '{"a": 1,}', "NaN"]) {
    assert.deepEqual(await refused(body), ["body: is not JSON"]);
  }
});

Deno.test("UTF-16 and binary bodies are refused", async () => {
  const utf16 = new Uint8Array([0xff, 0xfe, 0x7b, 0, 0x7d, 0]);
  assert.deepEqual(await refused(utf16), ["body: is not UTF-8"]);
  // A replacement character would select another snapshot than the caller meant.
  const broken = new Uint8Array([...new TextEncoder().encode('{"snapshot": "'), 0xff, 0x22, 0x7d]);
  assert.deepEqual(await refused(broken), ["body: is not UTF-8"]);
});

Deno.test("JSON other than an object is refused", async () => {
  for (const body of ["null", "[]", "1", '"{}"', "true"]) {
    const [fault, ...more] = await refused(body);
    assert.match(fault!, /^body: .*object/);
    assert.deepEqual(more, []);
  }
});

Deno.test("every fault and every unknown field is named", async () => {
  const faults = await refused('{"snapshot": 1, "dry_run": "no", "dryrun": false, "x": 1}');
  assert.deepEqual(faults.map((fault) => fault.split(":")[0]).sort(), [
    "dry_run",
    "dryrun",
    "snapshot",
    "x",
  ]);
});

Deno.test("a body of up to 64 KiB is read, and one byte more is refused", async () => {
  const most = `{}${" ".repeat(MAX_BODY_BYTES - 2)}`;
  assert.deepEqual(await read(most), DEFAULTS);
  assert.deepEqual(await refused(`${most} `), [tooLarge]);
});

Deno.test("an endless body is cancelled after 64 KiB", async () => {
  let sent = 0;
  let left = false;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 1_024;
      controller.enqueue(new Uint8Array(1_024).fill(0x20));
    },
    cancel() {
      left = true;
    },
  });
  assert.deepEqual(await refused(endless), [tooLarge]);
  assert.ok(left);
  assert.ok(sent <= 2 * MAX_BODY_BYTES, `${sent} bytes were taken`);
});

Deno.test("a body cannot change a prototype", async () => {
  for (const name of ["__proto__", "constructor", "prototype"]) {
    const body = `{"${name}": {"dry_run": false, "polluted": true}}`;
    const value = await read(body).catch((error) => {
      assert.equal(error.code, "request_invalid");
      return DEFAULTS;
    });
    assert.equal((value as { dry_run?: boolean }).dry_run, true);
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    assert.equal("polluted" in {}, false);
  }
});

Deno.test("every body is read or refused with a typed error", async () => {
  const body = fc.oneof(anyText(), fc.json(), fc.uint8Array());
  await fc.assert(fc.asyncProperty(body, async (given) => {
    try {
      assert.deepEqual(Object.keys(await read(given as BodyInit)).sort(), ["dry_run", "snapshot"]);
    } catch (error) {
      assert.ok(error instanceof HoldfastError, String(error));
      assert.equal(error.code, "request_invalid");
    }
  }));
});

Deno.test("a run's id is a UUID, and other ids are unknown runs", () => {
  const id = crypto.randomUUID();
  assert.equal(readRunId(id), id);
  for (const text of ["", "1", "latest", `${id} `, `${id}'--`, "../runs", "0".repeat(36)]) {
    assert.throws(() => readRunId(text), { code: "run_unknown" });
  }
});
