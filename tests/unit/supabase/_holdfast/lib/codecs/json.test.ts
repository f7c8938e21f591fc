import assert from "node:assert/strict";
import fc from "fast-check";
import { parseExactly } from "../../../../../../supabase/functions/_holdfast/lib/codecs/json.ts";

const again = (text: string) => JSON.stringify(parseExactly(text));

Deno.test("every number is written back as it was read", () => {
  for (
    const number of [
      "0",
      "-1",
      "1.50",
      "-0.10",
      "1.0",
      "12345678901234567890",
      "-9007199254740993",
      "0.1234567890123456789",
      `1${"0".repeat(400)}`,
      "1e400",
      "1E2",
      "123456789012345",
    ]
  ) {
    for (const text of [`{"a":${number}}`, `[${number},${number}]`, `[0,[${number}]]`]) {
      assert.equal(again(text), text);
    }
    // Numbers in the form in which Postgres writes jsonb.
    assert.equal(
      again(`{"a": ${number}, "b": [1, ${number}]}`),
      `{"a":${number},"b":[1,${number}]}`,
    );
  }
});

Deno.test("integers that a double represents exactly are numbers", () => {
  const size = fc.oneof(fc.nat(), fc.integer({ min: -(10 ** 15) + 1, max: 10 ** 15 - 1 }));
  fc.assert(fc.property(size, (number) => {
    assert.deepEqual(parseExactly(`{"size": ${number}, "x": 1.50}`), {
      ...(parseExactly('{"x": 1.50}') as object),
      size: number,
    });
  }));
});

Deno.test("all values except numbers equal the result of JSON.parse", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      assert.equal(again(text), JSON.stringify(JSON.parse(text)));
    }),
    { numRuns: 1_000 },
  );
  const times = '{"at":"2026-11-21T02:00:07.123456Z","name":", 1.50 [2.0 \\": 3.0"}';
  assert.equal(again(times), times);
});

Deno.test("text that is not JSON is a SyntaxError", () => {
  for (const text of ["", "{", '{"a": 1.50', "[1.50,]"]) {
    assert.throws(() => parseExactly(text), SyntaxError);
  }
});
