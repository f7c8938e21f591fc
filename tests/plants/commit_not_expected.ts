import { migration, type Plant } from "./plant.ts";

/** See `what`. */
export const plant: Plant = {
  what: "a lane goes on from a commit that the database has forgotten",
  breaks: ["restores_exactly"],
  scenarios: ["restore_rewound"],
  edits: [{
    file: migration("engine"),
    find: "if expect_commit.committed_at is not null and not exists",
    replace: "if false and not exists",
  }],
};
