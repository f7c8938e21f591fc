import fc from "fast-check";

/**
 * A code point of any plane, but no lone surrogate: a third each of ASCII, below them, and above.
 */
const character = fc.oneof(
  fc.integer({ min: 0, max: 0x7f }),
  fc.integer({ min: 0x80, max: 0xd7ff }),
  fc.integer({ min: 0xe000, max: 0x10ffff }),
).map((codePoint) => String.fromCodePoint(codePoint));

/**
 * Text of any characters. `fc.string({ unit: "binary" })` generates the same, but takes two to four
 * seconds in each test file to build its table of all code points.
 */
export function anyText(constraints: fc.StringSharedConstraints = {}): fc.Arbitrary<string> {
  return fc.string({ ...constraints, unit: character });
}
