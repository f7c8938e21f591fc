import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "smol-toml";
import { editConfig } from "../../../../cli/add/config.ts";
import { AddError } from "../../../../cli/add/errors.ts";

const FUNCTIONS = ["holdfast-api", "holdfast-backup"];

const edit = (text: string, functions = FUNCTIONS) =>
  new TextDecoder("utf-8", { ignoreBOM: true })
    .decode(editConfig(new TextEncoder().encode(text), functions));

const refusal = (code: string, message = /./) => (error: unknown) =>
  error instanceof AddError && error.code === code && message.test(error.message);

const ADDED = `# Holdfast's functions check Holdfast's own keys, which are no JWTs.
[functions.holdfast-api]
verify_jwt = false

[functions.holdfast-backup]
verify_jwt = false
`;

Deno.test("sections are appended to the existing file", () => {
  assert.equal(edit('project_id = "a" # mine\n'), `project_id = "a" # mine\n\n${ADDED}`);
  assert.equal(edit(""), ADDED);
});

Deno.test("a last line without an end gets one", () => {
  assert.equal(edit("[db]\nport = 1"), `[db]\nport = 1\n\n${ADDED}`);
});

Deno.test("CR LF line ends and a byte order mark are kept, and added lines use them", () => {
  const text = '\uFEFFproject_id = "a"\r\n\r\n[db]\r\nport = 1\r\n';
  assert.equal(edit(text), `${text}\r\n${ADDED.replaceAll("\n", "\r\n")}`);
});

Deno.test("existing sections are not added again", () => {
  const once = edit('project_id = "a"\n');
  assert.equal(edit(once), once);
  const own = "[functions.holdfast-backup] # ours\nverify_jwt = false\n";
  assert.equal(edit(own, ["holdfast-backup"]), own);
});

Deno.test("a section without the setting gets the line, for every spelling of its header", () => {
  const headers = [
    "[functions.holdfast-backup]",
    '[functions."holdfast-backup"] # off-site',
    "  [ 'functions' . 'holdfast-backup' ]",
  ];
  for (const header of headers) {
    for (const end of ["\n", "\r\n"]) {
      const text = `[db]${end}${header}${end}enabled = true${end}[auth]${end}`;
      assert.equal(
        edit(text, ["holdfast-backup"]),
        `[db]${end}${header}${end}verify_jwt = false${end}enabled = true${end}[auth]${end}`,
      );
    }
    assert.equal(edit(header, ["holdfast-backup"]), `${header}\nverify_jwt = false\n`);
  }
});

Deno.test("the config of the CLI's scaffold is accepted", () => {
  const text = "[functions.holdfast-backup]\nenabled = true\nverify_jwt = false\n" +
    'import_map = "./functions/holdfast-backup/deno.json"\n' +
    'entrypoint = "./functions/holdfast-backup/index.ts"\n';
  assert.equal(edit(text, ["holdfast-backup"]), text);
});

Deno.test("a section with another value is refused, with the line", () => {
  const section = (line: string) =>
    `[db]\nverify_jwt = 1\n[functions.holdfast-backup]\n\n${line}\n`;
  const refused = (line: string, message: RegExp) =>
    assert.throws(() => edit(section(line)), refusal("config_conflict", message));
  refused("verify_jwt = true", /holdfast-backup[^]*line 5: verify_jwt = true, must be false/);
  refused("enabled = false", /line 5: enabled = false, must be true/);
  refused('import_map = "./x.json"', /line 5: import_map = ".\/x.json", must be ".\/functions/);
  refused('entrypoint = "./x.ts"', /entrypoint = /);
  assert.throws(
    () => edit("functions.holdfast-backup.verify_jwt = true\n"),
    refusal("config_conflict", /^ {2}verify_jwt = true/m),
  );
});

Deno.test("a form that cannot be extended is refused, with the text to add by hand", () => {
  const forms = [
    "functions = { mine = { verify_jwt = true } }\n",
    "[functions]\nholdfast-backup = { enabled = true }\n",
    "functions = 3\n",
    "[[functions]]\nname = 'x'\n",
  ];
  for (const form of forms) {
    assert.throws(
      () => edit(form),
      refusal("config_needs_hand", /\[functions\.holdfast-backup\]\nverify_jwt = false\n/),
      form,
    );
  }
});

Deno.test("a header inside a string is ignored", () => {
  const text = 'a = """\n[functions.holdfast-backup]\n"""\n[functions.holdfast-backup]\n';
  assert.throws(() => edit(text, ["holdfast-backup"]), refusal("config_needs_hand"));
  const unrelated = 'a = """\n[functions.holdfast-backup]\n"""\n';
  assert.ok(edit(unrelated, ["holdfast-backup"]).startsWith(unrelated));
});

Deno.test("malformed TOML or UTF-8 is refused with its location", () => {
  assert.throws(() => edit("[db]\nport = \n"), refusal("config_malformed", /2: {2}port =/));
  assert.throws(() => edit("a = 1\na = 2\n"), refusal("config_malformed"));
  assert.throws(
    () => editConfig(new Uint8Array([0xff, 0xfe]), FUNCTIONS),
    refusal("config_malformed", /UTF-8/),
  );
});

const line = fc.oneof(
  fc.constantFrom("", "# a comment", "\t# é日😀 [functions.holdfast-api]", "a.b = [1,", "  2]"),
  fc.constantFrom("[auth]", "[functions]", "[functions.other]", "[functions.holdfast-api]"),
  fc.constantFrom(
    "verify_jwt = false",
    "enabled = true",
    "x = 1979-05-27T07:32:00Z",
    'm = """',
    '"""',
  ),
);

Deno.test("the existing text is kept byte for byte, and the result has the required settings", () => {
  let edited = 0;
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 12 }),
      fc.constantFrom("\n", "\r\n"),
      fc.boolean(),
      (lines, end, ended) => {
        const text = lines.join(end) + (ended ? end : "");
        let result: string;
        try {
          result = edit(text);
        } catch (error) {
          assert.ok(error instanceof AddError);
          return;
        }
        edited++;
        const parsed = parse(result) as { functions: Record<string, { verify_jwt?: boolean }> };
        for (const name of FUNCTIONS) assert.equal(parsed.functions[name]?.verify_jwt, false);
        assert.ok(isSubsequence(text.split("\n"), result.split("\n")), result);
        assert.equal(edit(result), result);
      },
    ),
    { numRuns: 2000 },
  );
  assert.ok(edited > 100, `only ${edited} texts were TOML: the test tells little`);
});

/** Whether all lines are among the others, in their order; a last line may have got an end. */
function isSubsequence(lines: string[], among: string[]): boolean {
  let at = 0;
  for (const other of among) {
    if (at < lines.length && (other === lines[at] || other === `${lines[at]}\r`)) at++;
  }
  return at === lines.length;
}
