import assert from "node:assert/strict";
import { type PhaseRecord, tableOf } from "../../../demo/phases.ts";
import { kindsInWords } from "../../../demo/requests.ts";
import { Screen } from "../../../demo/screen.ts";
import { bytesInWords, countOf, listInWords, shorten, wrap } from "../../../demo/words.ts";

/** A screen whose text is captured; without columns it is not a terminal. */
function keptScreen(columns?: number) {
  const kept = { text: "" };
  const output = {
    write(text: string) {
      kept.text += text;
    },
    columns: () => columns,
  };
  return { kept, screen: new Screen(output) };
}

/** Shows a phase of ten steps. */
async function showPhase(screen: Screen): Promise<void> {
  await screen.during("Upload", (progress) => {
    progress.expect(10);
    for (let step = 0; step < 10; step++) progress.advance();
    return Promise.resolve(10);
  }, (result) => `${result} objects`);
}

Deno.test("without a terminal a phase is one plain line", async () => {
  const { kept, screen } = keptScreen();
  await showPhase(screen);
  assert.equal(kept.text, "Upload     10 objects\n");
});

Deno.test("on a terminal the bar is redrawn, and at the end it is full and on its own line", async () => {
  const { kept, screen } = keptScreen(80);
  await showPhase(screen);
  const drawn = kept.text.split("\r\x1b[2K");
  assert.equal(drawn[1], "Upload     [........................]  0 of 0, 0.0 s");
  assert.equal(drawn.at(-1), "Upload     [########################]  10 objects\n");
});

for (const columns of [1, 12, 30, 45, 80]) {
  Deno.test(`every redrawn line is narrower than a terminal of ${columns} columns`, async () => {
    const { kept, screen } = keptScreen(columns);
    await showPhase(screen);
    for (const line of kept.text.trimEnd().split("\r\x1b[2K")) {
      assert.ok(line.length < Math.max(2, columns), line);
    }
  });
}

Deno.test("a failed phase leaves a line with its progress", async () => {
  const { kept, screen } = keptScreen();
  const work = screen.during("Restore", (progress) => {
    progress.expect(3);
    progress.advance();
    return Promise.reject(new Error("no"));
  }, () => "");
  await assert.rejects(work, /no/);
  assert.match(kept.text, /^Restore {4}1 of 3, 0\.\d s\n$/);
});

Deno.test("progress never decreases and never exceeds the total", async () => {
  const { kept, screen } = keptScreen();
  const work = screen.during("Restore", (progress) => {
    progress.expect(3);
    progress.reach(2);
    progress.reach(1);
    return Promise.reject(new Error("no"));
  }, () => "");
  await assert.rejects(work);
  assert.match(kept.text, /2 of 3/);
});

Deno.test("a closed screen prints one last message and then nothing", () => {
  const { kept, screen } = keptScreen();
  screen.close("Interrupted.");
  screen.line("after the end");
  assert.equal(kept.text, "\nInterrupted.\n");
});

Deno.test("texts are wrapped and pairs shortened to the width", () => {
  const { kept, screen } = keptScreen(40);
  screen.text("one two three four five six seven eight nine");
  screen.pair("move", "a/very/long/name/of/some/object.txt");
  const lines = kept.text.trimEnd().split("\n");
  assert.ok(lines.length >= 3);
  for (const line of lines) assert.ok(line.length < 40, line);
  assert.match(lines.at(-1)!, /^ {11}move {7}a\/ve\.\.\..*\.txt$/);
});

Deno.test("numbers are formatted for readers", () => {
  assert.equal(countOf(1, "object"), "1 object");
  assert.equal(countOf(0, "object"), "0 objects");
  assert.deepEqual([0, 999, 1000, 999_949, 999_950, 20_800_000, 5e12].map(bytesInWords), [
    "0 B",
    "999 B",
    "1.0 kB",
    "999.9 kB",
    "1.0 MB",
    "20.8 MB",
    "5.0 TB",
  ]);
  assert.equal(listInWords(["a", "b", "c"]), "a, b and c");
  assert.equal(shorten("abcdefghijkl", 9), "ab...ijkl");
  assert.deepEqual(wrap("a b\u00a0c longer-than-that d", 5), ["a b c", "longer-than-that", "d"]);
});

Deno.test("kinds of requests are listed by frequency, each on one line", () => {
  const words = kindsInWords({ ListObjectsV2: 1, PutObject: 20 });
  assert.equal(words, "20\u00a0PutObject, 1\u00a0ListObjectsV2");
  assert.equal(kindsInWords({}), "none");
});

Deno.test("the table has a line for each phase and the total seconds", () => {
  const record = (name: string, milliseconds: number, objects?: number): PhaseRecord => ({
    name,
    milliseconds,
    requests: { storage: { "GET object": 2, "POST object": 3 }, s3: {} },
    ...(objects === undefined ? {} : { objects, bytes: 2_000 }),
  });
  assert.deepEqual(tableOf([record("Upload", 1_500, 12), record("Start", 500)]), [
    "phase    objects    bytes   seconds   Storage requests   S3 requests",
    "Upload        12   2.0 kB       1.5                  5             0",
    "Start                           0.5                  5             0",
    "in all                          2.0",
  ]);
});
