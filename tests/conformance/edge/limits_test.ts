import assert from "node:assert/strict";
import { type IsolateLimits, LIMITS } from "../../../stack/edge/isolate_limits.ts";
import type { IsolateRecord } from "../../../stack/edge/isolates.ts";
import { CURRENT_DENO, EDGE_RUNTIME_DENO } from "../../../stack/process/deno_versions.ts";
import { eventually } from "../../support/eventually.ts";
import { POST, type Site, withFunctions } from "./support.ts";

const MIB = 1024 * 1024;

/** Only Linux reports the CPU of a thread. */
const ignore = Deno.build.os !== "linux";

/** Limits of which only the given ones are low. */
function scarce(limits: Partial<IsolateLimits>): IsolateLimits {
  return { ...LIMITS.hosted, cpuMilliseconds: 60_000, ...limits };
}

/** A server that responds only after the test calls `answer`. */
async function withSilentServer(body: (url: string, answer: () => void) => Promise<void>) {
  const { promise, resolve } = Promise.withResolvers<void>();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
    async () => {
      await promise;
      return new Response();
    },
  );
  try {
    await body(encodeURIComponent(`http://127.0.0.1:${server.addr.port}/`), resolve);
  } finally {
    resolve();
  }
}

/** Waits until an isolate of the function has ended. Returns the first such isolate. */
async function ended({ functions }: Site): Promise<IsolateRecord> {
  const first = () => functions.isolates("hungry").find(({ end }) => end !== undefined);
  await eventually("the end of an isolate", () => first() !== undefined);
  return first()!;
}

function warnings({ functions }: Site): string[] {
  return functions.logs("hungry").map(({ text }) => text)
    .filter((text) => text.startsWith("beforeunload"));
}

function assertLimitAnswer(answer: { status: number; text: string; headers: Headers }) {
  assert.equal(answer.status, 546, answer.text);
  assert.equal(answer.headers.get("sb-error-code"), "WORKER_RESOURCE_LIMIT");
  assert.equal(JSON.parse(answer.text).code, "WORKER_RESOURCE_LIMIT");
}

for (const deno of [CURRENT_DENO, EDGE_RUNTIME_DENO]) {
  const limitTest = (name: string, limits: IsolateLimits, body: (site: Site) => Promise<void>) =>
    Deno.test({
      name: `Deno ${deno}: ${name}`,
      ignore,
      fn: () => withFunctions({ deno, limits }, body),
    });

  limitTest(
    "half of the CPU limit, summed over all requests, retires an isolate",
    scarce({ cpuMilliseconds: 1_200 }),
    async (site) => {
      const isolates: string[] = [];
      // On a busy machine a thread gets less CPU than wall time.
      await eventually("another isolate", async () => {
        isolates.push((await site.call("hungry/burn?amount=50")).text);
        return isolates.at(-1) !== isolates[0];
      });
      assert.ok(isolates.length > 2);
      const { end, cpuMilliseconds } = await ended(site);
      assert.equal(end, "early_drop");
      assert.ok(cpuMilliseconds >= 600 && cpuMilliseconds < 1_200, `${cpuMilliseconds} ms`);
      assert.deepEqual(warnings(site), ["beforeunload early_drop"]);
    },
  );

  limitTest(
    "pending work in a retired isolate continues to its end",
    scarce({ cpuMilliseconds: 1_200 }),
    (site) =>
      withSilentServer(async (url, answer) => {
        const working = await site.call(`hungry/work?amount=650&url=${url}`, POST);
        await eventually("another isolate", async () => {
          const { text } = await site.call("hungry/burn?amount=20");
          return text !== working.text;
        });
        assert.deepEqual(warnings(site), []);
        answer();
        await site.logged(/^work done$/);
        assert.equal((await ended(site)).end, "early_drop");
      }),
  );

  limitTest(
    "the complete CPU limit kills an isolate, with a beforeunload event",
    scarce({ cpuMilliseconds: 800 }),
    async (site) => {
      assertLimitAnswer(await site.call("hungry/burn?amount=60000"));
      const { end, cpuMilliseconds } = await ended(site);
      assert.equal(end, "cpu");
      assert.ok(cpuMilliseconds >= 800, `${cpuMilliseconds} ms`);
      assert.deepEqual(warnings(site), ["beforeunload cpu"]);
      await site.logged(/^shutdown \(reason: cpu, CPU: \d+ ms, /);
      assert.equal((await site.call("hungry/burn?amount=0")).status, 200);
    },
  );

  limitTest(
    "a platform can be configured to kill without an event",
    { ...scarce({ cpuMilliseconds: 800 }), unannounced: true },
    async (site) => {
      assertLimitAnswer(await site.call("hungry/burn?amount=60000"));
      assert.equal((await ended(site)).end, "cpu");
      assert.deepEqual(warnings(site), []);
    },
  );

  limitTest(
    "changed limits apply to new processes",
    scarce({ cpuMilliseconds: 60_000 }),
    (site) =>
      withSilentServer(async (url, answer) => {
        await site.call(`hungry/work?amount=0&url=${url}`, POST);
        site.functions.setLimits(scarce({ cpuMilliseconds: 800 }));
        assertLimitAnswer(await site.call("hungry/burn?amount=60000"));
        assert.equal((await ended(site)).end, "cpu");
        answer();
        await site.logged(/^work done$/);
      }),
  );

  limitTest(
    "ArrayBuffers count as memory, and the limit kills",
    scarce({ memoryBytes: 100 * MIB }),
    async (site) => {
      assertLimitAnswer(await site.call("hungry/buffers?amount=1000"));
      const { end, peakMemoryBytes } = await ended(site);
      assert.equal(end, "memory");
      assert.ok(peakMemoryBytes >= 100 * MIB, `${peakMemoryBytes} bytes`);
      assert.deepEqual(warnings(site), ["beforeunload memory"]);
    },
  );

  limitTest(
    "V8's heap counts as memory, even if it fills fast",
    scarce({ memoryBytes: 100 * MIB }),
    async (site) => {
      assertLimitAnswer(await site.call("hungry/heap"));
      assert.equal((await ended(site)).end, "memory");
    },
  );

  limitTest(
    "an isolate that uses half of its memory is dropped once nothing is pending",
    scarce({ memoryBytes: 100 * MIB }),
    async (site) => {
      const { text } = await site.call("hungry/buffers?amount=70");
      assert.equal((await ended(site)).end, "early_drop");
      assert.notEqual((await site.call("hungry/free")).text, text);
    },
  );

  limitTest(
    "half of the wall time drops an isolate with nothing pending",
    scarce({ wallMilliseconds: 2_000 }),
    async (site) => {
      await site.call("hungry/burn?amount=0");
      const { end, wallMilliseconds } = await ended(site);
      assert.equal(end, "early_drop");
      assert.ok(wallMilliseconds >= 1_000 && wallMilliseconds < 2_000, `${wallMilliseconds} ms`);
    },
  );

  limitTest(
    "the complete wall time kills an isolate, even with pending work",
    scarce({ wallMilliseconds: 2_000 }),
    (site) =>
      withSilentServer(async (url) => {
        assertLimitAnswer(await site.call(`hungry/wait?url=${url}`));
        const { end, wallMilliseconds } = await ended(site);
        assert.equal(end, "wall_clock");
        assert.ok(wallMilliseconds >= 2_000, `${wallMilliseconds} ms`);
        assert.deepEqual(warnings(site), ["beforeunload wall_clock"]);
      }),
  );

  Deno.test(`Deno ${deno}: without limits an isolate is measured and not killed`, async () => {
    await withFunctions({ deno }, async (site) => {
      const answers = [
        await site.call("hungry/burn?amount=200"),
        await site.call("hungry/buffers?amount=150"),
        await site.call("hungry/burn?amount=100"),
      ];
      assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
      const [record, ...others] = site.functions.isolates("hungry");
      assert.deepEqual(others, []);
      assert.equal(record!.end, undefined);
      assert.ok(record!.peakMemoryBytes >= 150 * MIB);
      assert.ok(ignore || record!.cpuMilliseconds >= 100);
      assert.equal(await site.functions.kill("hungry"), 1);
      assert.equal((await ended(site)).end, "kill");
    });
  });
}
