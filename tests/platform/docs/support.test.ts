import assert from "node:assert/strict";
import { requestOf } from "./support/curl.ts";
import { readShell, UnreadableShellError } from "./support/shell.ts";

const variables = new Map([["URL", "http://h"], ["KEY", "k e y"]]);
const words = (text: string) => readShell(text, variables).map((command) => command.words);

Deno.test("the shell of the documents is read as a shell reads it", () => {
  assert.deepEqual(words("cd a # and on\n\n  b 'c d'  \"e $KEY\" f=$URL/x"), [
    ["cd", "a"],
    ["b", "c d", "e k e y", "f=http://h/x"],
  ]);
  assert.deepEqual(words("a \\\n  b \\\n  c\nd"), [["a", "b", "c"], ["d"]]);
  assert.deepEqual(words(`x -d '{"a": "$URL"}' a#b`), [["x", "-d", '{"a": "$URL"}', "a#b"]]);
  assert.deepEqual(words("export A=hf_restore_…"), [["export", "A=hf_restore_…"]]);
  assert.deepEqual(words("# only a comment"), []);
});

Deno.test("what it can't read it does not guess", () => {
  for (
    const text of [
      "a | b",
      "a && b",
      "a; b",
      "a $(b)",
      "a `b`",
      "a > b; c",
      "'open",
      "$NEVER",
      "a \\",
    ]
  ) {
    assert.throws(() => words(text), UnreadableShellError, text);
  }
});

Deno.test("curl's forms are the requests that it makes", async () => {
  const post = requestOf(["-sS", "-X", "POST", "http://h/a", "-H", "apikey: k", "-d", "{}"]);
  assert.deepEqual([post.method, post.url, post.headers.get("apikey")], [
    "POST",
    "http://h/a",
    "k",
  ]);
  assert.equal(post.headers.get("content-type"), "application/x-www-form-urlencoded");
  assert.equal(await post.text(), "{}");
  assert.equal(requestOf(["http://h/", "-d", "x"]).method, "POST");
  assert.equal(requestOf(["http://h/"]).method, "GET");
  for (const args of [[], ["-L", "http://h"], ["http://h", "http://i"], ["http://h", "-H"]]) {
    assert.throws(() => requestOf(args), RangeError);
  }
});
