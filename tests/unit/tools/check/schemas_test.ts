import assert from "node:assert/strict";
import { findSchemaFaults } from "../../../../tools/check/schemas.ts";

const DEFINED = "create function holdfast.f() returns int language sql as $$ select 1 $$;\n";

Deno.test("an object that is defined twice is a fault, and both files are named", () => {
  const faults = findSchemaFaults([
    { path: "functions/a.sql", text: DEFINED },
    { path: "functions/b.sql", text: `-- Again.\n${DEFINED}` },
  ]);
  assert.deepEqual(faults, ["functions/b.sql: function holdfast.f is in functions/a.sql already"]);
});

Deno.test("a file of more than 250 lines is a fault", () => {
  const [fault] = findSchemaFaults([{ path: "functions/a.sql", text: DEFINED + "\n".repeat(250) }]);
  assert.match(fault!, /^functions\/a\.sql has 251 lines/);
});

Deno.test("a schema that defines each object once has no fault", () => {
  assert.deepEqual(findSchemaFaults([{ path: "functions/a.sql", text: DEFINED }]), []);
});
