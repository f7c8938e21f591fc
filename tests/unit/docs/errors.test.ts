import { equal } from "node:assert/strict";
import { errorsPage } from "../../../tools/docs/errors.ts";

Deno.test("docs/ERRORS.md matches the error catalogue", async () => {
  const page = await Deno.readTextFile(new URL("../../../docs/ERRORS.md", import.meta.url));
  equal(page, errorsPage(), "run deno task docs");
});
