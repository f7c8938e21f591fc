import assert from "node:assert/strict";
import { anchors, codeBlocks, links } from "../../../../tools/check/markdown.ts";

const TEXT = `# A \`title\`, and more!

See [one](docs/ONE.md), ![two](two.png "Two"), [three](<docs/a.md#b>) and \`[none](none.md)\`.

\`\`\`sh
npx supabase login # [no](link.md)
\`\`\`

## Twice

- an indented block:
  ~~~~sql
  select 1;
  \`\`\`
  ~~~~

## Twice

[ref]: docs/REF.md "Title"
`;

Deno.test("links are found inline, in images and references, and not in code", () => {
  assert.deepEqual(links(TEXT), [
    { target: "docs/ONE.md", line: 3 },
    { target: "two.png", line: 3 },
    { target: "docs/a.md#b", line: 3 },
    { target: "docs/REF.md", line: 19 },
  ]);
});

Deno.test("blocks have their language, text and first line", () => {
  assert.deepEqual(codeBlocks(TEXT), [
    { language: "sh", text: "npx supabase login # [no](link.md)", line: 6 },
    { language: "sql", text: "  select 1;\n  ```", line: 13 },
  ]);
});

Deno.test("anchors are GitHub's", () => {
  assert.deepEqual([...anchors(TEXT)], ["a-title-and-more", "twice", "twice-1"]);
  assert.deepEqual([...anchors("## `x_y` [link](a.md) – Ünïcode")], ["x_y-link--ünïcode"]);
});
