import assert from "node:assert/strict";
import { formatFigures } from "../../run/figures.ts";

Deno.test("each group has a line, and the last line is their sum", () => {
  const text = formatFigures([
    { name: "unit", wallSeconds: 12.4, cpuSeconds: 20 },
    { name: "logic", wallSeconds: 100, cpuSeconds: 150.6 },
  ]);
  assert.match(text, /^ {2}unit +12 s +20 s CPU$/m);
  assert.match(text, /^ {2}all +112 s +171 s CPU$/m);
});

Deno.test("if the system reports no CPU, only the time is shown", () => {
  const text = formatFigures([{ name: "unit", wallSeconds: 12, cpuSeconds: undefined }]);
  assert.match(text, /^ {2}all +12 s$/m);
});
