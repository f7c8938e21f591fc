import type { Row } from "../row.ts";
import { commitAll } from "../support/commits.ts";

/** The rate at which results of copied objects are committed, page by page over one connection. */
export const commitRate: Row = {
  name: "commit-rate",
  async measure(bench) {
    const { objects, seconds } = await commitAll(bench, "by name");
    return [{
      name: "committing results",
      value: objects / seconds,
      unit: "a second",
      target: { atLeast: 10_000 },
      note: `${objects.toLocaleString("en-US")} in ${seconds.toFixed(1)} s, with fsync`,
    }];
  },
};
