import assert from "node:assert/strict";
import fc from "fast-check";
import type { Connection } from "../../../stack/postgres/connection.ts";
import { isInScope, matchesGlob, type ScopeSettings } from "./support/glob.ts";
import { sqlTest } from "./support/project.ts";

/** All special characters of regular expressions and a few letters. */
const CHARACTERS = [..."ab/*?.+^$(){}|[]\\-_!, \n'\"%é日😀"];
const text = (maxLength: number) =>
  fc.array(fc.constantFrom(...CHARACTERS), { maxLength }).map((characters) => characters.join(""));
/** Names of few letters, so that globs of the same letters match often. */
const name = fc.oneof(
  text(8),
  fc.array(fc.constantFrom("a", "b", "/"), { maxLength: 8 }).map((each) => each.join("")),
);
const glob = fc.oneof(
  text(6),
  fc.array(fc.constantFrom("a", "b", "/", "*", "**", "**/", "?"), { maxLength: 6 })
    .map((each) => each.join("")),
);

sqlTest("globs match as the settings document", async ({ owner }) => {
  const known: [string, string, boolean][] = [
    ["**", "photos/any/thing", true],
    ["photos/*", "photos/a.jpg", true],
    ["photos/*", "photos/a/b.jpg", false],
    ["photos/**", "photos/a/b.jpg", true],
    ["photos/**/b.jpg", "photos/b.jpg", true],
    ["photos/**/b.jpg", "photos/a/c/b.jpg", true],
    ["photos/**/b.jpg", "photos/a/cb.jpg", false],
    ["**/*.tmp", "photos/a/b.tmp", true],
    ["*.tmp", "photos/b.tmp", false],
    ["photos/?.jpg", "photos/😀.jpg", true],
    ["photos/?.jpg", "photos//.jpg", false],
    ["photos/[ab].jpg", "photos/a.jpg", false],
    ["photos/[ab].jpg", "photos/[ab].jpg", true],
    ["photos/a.jpg", "photos/a_jpg", false],
    ["PHOTOS/**", "photos/a", false],
    ["photos/***/a", "photos/a", true],
    ["photos/*", "photos/a\nb", true],
  ];
  const answers = await matchAll(owner, known.map(([each, path]) => ({ glob: each, path })));
  assert.deepEqual(answers, known.map(([, , expected]) => expected));
  assert.deepEqual(known.map(([each, path]) => matchesGlob(each, path)), answers);
});

sqlTest("a glob matches the same paths as the reference implementation", async ({ owner }) => {
  const pairs = fc.array(fc.record({ glob, path: name }), { minLength: 50, maxLength: 100 });
  let matched = 0;
  await fc.assert(
    fc.asyncProperty(pairs, async (each) => {
      const answers = await matchAll(owner, each);
      matched += answers.filter(Boolean).length;
      assert.deepEqual(answers, each.map(({ glob, path }) => matchesGlob(glob, path)));
    }),
    { numRuns: 50 },
  );
  assert.ok(matched > 100, `only ${matched} pairs matched: the test tells little`);
});

sqlTest("an object is in scope if the reference implementation includes it", async ({ owner }) => {
  const bucketIds = [
    "a",
    "a.b",
    "holdfast-assets",
    "holdfast-scratch",
    "holdfast-scratch-0b6e8c7e-53d0-4b1c-9d0a-3d2a1f0f7a11",
    "holdfast-scratch-0b6e8c7e-53d0-4b1c-9d0a-3d2a1f0f7a11-2",
    "holdfast-scratch-0b6e8c7e-53d0-4b1c-9d0a-3d2a1f0f7a11\n",
    "holdfast-scratch-0B6E8C7E-53D0-4B1C-9D0A-3D2A1F0F7A11",
    "my-holdfast-scratch-0b6e8c7e-53d0-4b1c-9d0a-3d2a1f0f7a11",
    "holdfast-drill-0b6e8c7e-53d0-4b1c-9d0a-3d2a1f0f7a11",
  ];
  const bucket = fc.constantFrom(...bucketIds);
  const wide = fc.constantFrom("**", "?/**", "a*/**", "**/*a*", "**/b/**");
  const scope: fc.Arbitrary<ScopeSettings> = fc.record({
    buckets: fc.option(fc.subarray(bucketIds)),
    include: fc.array(fc.oneof(wide, wide, glob), { minLength: 1, maxLength: 3 }),
    exclude: fc.array(glob, { maxLength: 3 }),
    max_object_bytes: fc.option(fc.integer({ min: 1, max: 10 })),
  });
  const object = fc.record({
    bucket,
    name,
    size: fc.option(fc.integer({ min: 0, max: 11 })),
  });
  let within = 0;
  await fc.assert(
    fc.asyncProperty(
      scope,
      fc.array(object, { minLength: 20, maxLength: 50 }),
      async (settings, objects) => {
        const rows = await owner<{ inside: boolean }[]>`
        select holdfast_private.in_scope(holdfast_private.plan_scope(${
          owner.json({ settings: { ...settings } })
        }),
          o.bucket, o.name, o.size) as inside
        from jsonb_to_recordset(${owner.json(objects.map((each) => ({ ...each })))})
          as o (bucket text, name text, size bigint)`;
        within += rows.filter((row) => row.inside).length;
        assert.deepEqual(
          rows.map((row) => row.inside),
          objects.map((each) => isInScope(settings, each.bucket, each.name, each.size)),
        );
      },
    ),
    { numRuns: 100 },
  );
  assert.ok(within > 100, `only ${within} objects were in scope: the test tells little`);
});

async function matchAll(owner: Connection, pairs: { glob: string; path: string }[]) {
  const rows = await owner<{ matched: boolean }[]>`
    select p.path ~ holdfast_private.glob_pattern(p.glob) as matched
    from jsonb_to_recordset(${owner.json(pairs)}) as p (glob text, path text)`;
  return rows.map((row) => row.matched);
}
