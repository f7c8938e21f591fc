import assert from "node:assert/strict";
import { checkLayers, findCircles, importsOf } from "../../../../tools/check/layers.ts";

const SHARED = "supabase/functions/_holdfast";

/** A file of `_holdfast` that imports others. */
function file(path: string, ...imports: string[]) {
  return { path, text: imports.map((specifier) => `import "${specifier}";\n`).join("") };
}

Deno.test("imports that go down the layers are allowed", () => {
  assert.deepEqual(
    checkLayers([
      file("supabase/functions/holdfast-api/index.ts", "../_holdfast/app/api_app.ts"),
      file(`${SHARED}/app/app.ts`, "../jobs/backup/stages.ts", "../config/errors.ts"),
      file(`${SHARED}/jobs/backup/stages.ts`, "./scan.ts", "../../engine/budget.ts"),
      file(`${SHARED}/transfer/parts.ts`, "../repository/keys.ts", "../project/database.ts"),
      file(`${SHARED}/repository/log.ts`, "../destinations/store.ts", "../lib/http/client.ts"),
      file(`${SHARED}/engine/budget.ts`, "../lib/clock/clock.ts", "../config/settings.ts"),
      file(`${SHARED}/observability/log.ts`, "../lib/text/sanitize.ts", "../config/errors.ts"),
    ]),
    [],
  );
});

Deno.test("an import of a higher layer is named with both files", () => {
  assert.deepEqual(checkLayers([file(`${SHARED}/project/a.ts`, "../jobs/backup/b.ts")]), [
    `${SHARED}/project/a.ts imports ${SHARED}/jobs/backup/b.ts: project may not import jobs`,
  ]);
  assert.match(checkLayers([file(`${SHARED}/lib/a.ts`, "../engine/b.ts")])[0]!, /lib may not/);
  assert.match(checkLayers([file(`${SHARED}/engine/a.ts`, "../project/b.ts")])[0]!, /engine may/);
});

Deno.test("siblings do not import each other, and a job imports no other job", () => {
  assert.equal(checkLayers([file(`${SHARED}/project/a.ts`, "../repository/b.ts")]).length, 1);
  assert.match(
    checkLayers([file(`${SHARED}/jobs/restore/a.ts`, "../import/b.ts")])[0]!,
    /no job imports another$/,
  );
});

Deno.test("a function imports only app, and _holdfast imports nothing outside itself", () => {
  const index = "supabase/functions/holdfast-api/index.ts";
  assert.equal(checkLayers([file(index, "../_holdfast/engine/budget.ts")]).length, 1);
  assert.equal(checkLayers([file(`${SHARED}/lib/a.ts`, "../../../../stack/b.ts")]).length, 1);
});

Deno.test("files at the root or in an unknown folder are refused", () => {
  assert.deepEqual(checkLayers([file(`${SHARED}/errors.ts`), file(`${SHARED}/http/a.ts`)]), [
    `${SHARED}/errors.ts: no file lies at the root of _holdfast`,
    `${SHARED}/http/a.ts: http is no folder of the layout`,
  ]);
});

Deno.test("shipped files import nothing from tests", () => {
  assert.equal(checkLayers([file("demo/a.ts", "../tests/support/b.ts")]).length, 1);
  assert.equal(checkLayers([file("demo/a.ts", "../stack/b.ts")]).length, 0);
  assert.equal(checkLayers([file("cli/add/a.ts", "../../stack/b.ts")]).length, 1);
});

Deno.test("an import cycle is reported once and begins at its first file", () => {
  const imports = [["b", "c"], ["c", "a"], ["a", "b"], ["d", "a"]].map(([from, to]) => ({
    from: from!,
    to: to!,
  }));
  assert.deepEqual(findCircles(imports), [["a", "b", "c", "a"]]);
  assert.deepEqual(findCircles([{ from: "a", to: "b" }, { from: "b", to: "c" }]), []);
});

Deno.test("all kinds of relative imports are read", () => {
  const text = `import a from "./a.ts";
import "../b.ts";
export { c } from "./c/d.ts";
import type { E } from "./e.ts";
const f = await import("./f.ts");
import g from "npm:g";
`;
  assert.deepEqual(importsOf({ path: "x/y.ts", text }).map(({ to }) => to), [
    "x/a.ts",
    "b.ts",
    "x/c/d.ts",
    "x/e.ts",
    "x/f.ts",
  ]);
});
