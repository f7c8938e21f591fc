import assert from "node:assert/strict";
import { CURRENT_DENO, EDGE_RUNTIME_DENO } from "../../../stack/process/deno_versions.ts";
import { eventually } from "../../support/eventually.ts";
import { POST, withFunctions } from "./support.ts";

for (const deno of [CURRENT_DENO, EDGE_RUNTIME_DENO]) {
  Deno.test(`Deno ${deno}: a shared isolate serves all requests`, async () => {
    await withFunctions({ deno }, async ({ call }) => {
      const answers = await Promise.all([
        call("sample/isolate"),
        call("sample/isolate", POST),
        call("sample/isolate", POST),
      ]);
      assert.deepEqual(answers.map((answer) => answer.status), [200, 200, 200]);
      assert.equal(new Set(answers.map((answer) => answer.text)).size, 1);
    });
  });

  Deno.test(`Deno ${deno}: per_post starts an isolate for each POST, which ends when its work is done`, async () => {
    await withFunctions({ deno, mode: "per_post" }, async ({ call, functions, logged }) => {
      const posts = await Promise.all([
        call("sample/isolate", POST),
        call("sample/isolate", POST),
      ]);
      const gets = [await call("sample/isolate"), await call("sample/isolate")];
      assert.equal(new Set([...posts, ...gets].map((answer) => answer.text)).size, 3);
      assert.equal(gets[0]!.text, gets[1]!.text);

      assert.equal((await call("sample/work", { ...POST, body: "own" })).status, 202);
      await logged(/^done own$/);
      await logged(/^beforeunload early_drop$/);
      await call("sample/wait", { ...POST, body: "held" });
      assert.equal(await functions.kill("sample"), 2, "the one that waits, and the one for GETs");
    });
  });

  Deno.test(`Deno ${deno}: a function sees only its own environment variables`, async () => {
    const environment = { SUPABASE_URL: "http://127.0.0.1:1", SECRET: "one" };
    await withFunctions({ deno, environment }, async ({ call, functions }) => {
      assert.deepEqual(JSON.parse((await call("sample/environment")).text), environment);
      functions.setEnvironment({ SECRET: "two" });
      assert.deepEqual(JSON.parse((await call("sample/environment")).text), { SECRET: "two" });
    });
  });

  Deno.test(`Deno ${deno}: a changed environment does not affect running work`, async () => {
    await withFunctions({ deno }, async ({ call, functions, logged }) => {
      const slow = call("sample/echo", {
        ...POST,
        body: new ReadableStream({
          async start(controller) {
            controller.enqueue(new TextEncoder().encode("begun"));
            await logged(/^old$/);
            functions.setEnvironment({});
            await call("sample/log", { ...POST, body: "new" });
            controller.close();
          },
        }),
      });
      await call("sample/log", { ...POST, body: "old" });
      assert.equal((await slow).text, "begun");
      await logged(/^new$/);
      await logged(/^beforeunload early_drop$/);
    });
  });

  Deno.test(`Deno ${deno}: APIs that Edge Runtime lacks are missing`, async () => {
    await withFunctions({ deno }, async ({ call }) => {
      assert.deepEqual(JSON.parse((await call("sample/missing")).text), {
        worker: "undefined",
        command: "undefined",
        rename: "undefined",
        copyFile: "undefined",
      });
    });
  });

  Deno.test(`Deno ${deno}: a function may not write files, read other folders or connect to other machines`, async () => {
    await withFunctions({ deno }, async ({ call }) => {
      assert.deepEqual(JSON.parse((await call("sample/permissions")).text), {
        write: "NotCapable",
        readOutside: "NotCapable",
        connectOutside: "NotCapable",
      });
    });
  });

  Deno.test(`Deno ${deno}: the path begins with the function's name, the host is not the project's`, async () => {
    await withFunctions({ deno }, async ({ call }) => {
      const { text } = await call("sample/url?a=%20b");
      assert.equal(text, "http://edge-runtime.supabase.com/sample/url?a=%20b");
      assert.equal((await call("exported/below")).text, "/exported/below");
      assert.equal((await call("exported")).text, "/exported");
    });
  });

  Deno.test(`Deno ${deno}: output is kept by function, stream and process`, async () => {
    await withFunctions({ deno }, async ({ call, functions, logged }) => {
      await call("sample/log", { ...POST, body: "example-secret" });
      await logged(/to stderr/);
      const lines = functions.logs("sample").filter((line) =>
        /example-secret|stderr/.test(line.text)
      );
      assert.deepEqual(
        lines.map(({ stream, text }) => ({ stream, text })).sort((a, b) =>
          a.text.localeCompare(b.text)
        ),
        [
          { stream: "stdout", text: "example-secret" },
          { stream: "stderr", text: "to stderr" },
        ],
      );
      assert.ok(lines.every((line) => line.pid > 0));
      assert.deepEqual(functions.logs("broken"), []);
    });
  });

  Deno.test(`Deno ${deno}: a crashed function is restarted for the next request`, async () => {
    await withFunctions({ deno }, async ({ call, functions }) => {
      const first = await call("sample/isolate");
      const crash = await call("sample/crash", POST);
      assert.equal(crash.status, 500);
      assert.equal(crash.headers.get("sb-error-code"), "WORKER_ERROR");
      const second = await call("sample/isolate");
      assert.equal(await functions.kill("sample"), 1);
      const third = await call("sample/isolate");
      assert.equal(new Set([first, second, third].map((answer) => answer.text)).size, 3);
    });
  });

  Deno.test(`Deno ${deno}: a rejection under waitUntil ends the isolate`, async () => {
    await withFunctions({ deno }, async ({ call, logged }) => {
      const before = await call("sample/isolate");
      await call("sample/reject", POST);
      await logged(/nobody handles this/);
      await eventually("another isolate", async () => {
        const after = await call("sample/isolate");
        return after.status === 200 && after.text !== before.text;
      });
    });
  });

  Deno.test(`Deno ${deno}: a function that cannot load or serves nothing answers BOOT_ERROR`, async () => {
    await withFunctions({ deno }, async ({ call, functions }) => {
      for (const name of ["broken", "silent"]) {
        const { status, text, headers } = await call(name);
        assert.equal(status, 503);
        assert.equal(headers.get("sb-error-code"), "BOOT_ERROR");
        assert.equal(JSON.parse(text).code, "BOOT_ERROR");
      }
      assert.match(functions.logs("broken").map((line) => line.text).join("\n"), /on purpose/);
      assert.equal((await call("unheard-of")).status, 404);
    });
  });

  Deno.test(`Deno ${deno}: idle waits for promises of waitUntil`, async () => {
    await withFunctions({ deno }, async ({ call, functions, logged }) => {
      await call("sample/wait", { ...POST, body: "later" });
      let idle = false;
      const waiting = functions.idle().then(() => idle = true);
      assert.equal((await call("sample/release")).text, "1");
      await waiting;
      assert.ok(idle);
      await logged(/^done later$/);
    });
  });

  Deno.test(`Deno ${deno}: GET's text/html becomes text/plain, POST's does not`, async () => {
    await withFunctions({ deno }, async ({ call }) => {
      assert.match((await call("sample/html")).headers.get("content-type")!, /^text\/plain/);
      assert.match((await call("sample/html", POST)).headers.get("content-type")!, /^text\/html/);
    });
  });
}
