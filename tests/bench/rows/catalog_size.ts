import type { Row } from "../row.ts";
import { commitAll } from "../support/commits.ts";

/** The catalog's size in Postgres per object after a first backup. */
export const catalogSize: Row = {
  name: "catalog-size",
  async measure(bench) {
    const [random, byName] = [await commitAll(bench, "random"), await commitAll(bench, "by name")];
    return [
      {
        name: "catalog, committed in random order of names",
        value: random.catalogBytes,
        unit: "bytes an object",
        target: { atMost: 500 },
        note: `${random.objects.toLocaleString("en-US")} objects, names of 36 characters`,
      },
      {
        name: "catalog, committed in the order of a scan",
        value: byName.catalogBytes,
        unit: "bytes an object",
      },
    ];
  },
};
