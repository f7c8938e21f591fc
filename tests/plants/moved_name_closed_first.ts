import { migration, type Plant } from "./plant.ts";

/** See `what`. */
export const plant: Plant = {
  what: "names that are gone are closed before the objects are looked for under others",
  breaks: ["tells_the_truth"],
  scenarios: ["moved_meanwhile"],
  edits: [{
    file: migration("engine"),
    find: "when 'backup.objects' then 'gone'",
    replace: "when 'backup.objects' then 'close'",
  }, {
    file: migration("backup"),
    find: "else 'kept' end as fate",
    replace: "else 'moved' end as fate",
  }],
};
