import assert from "node:assert/strict";
import {
  HoldfastError,
  messageOf,
} from "../../../../../supabase/functions/_holdfast/config/errors.ts";
import { logError } from "../../../../../supabase/functions/_holdfast/observability/log.ts";
import { problemResponse } from "../../../../../supabase/functions/_holdfast/app/problem_details.ts";
import {
  redact,
  registerSecrets,
} from "../../../../../supabase/functions/_holdfast/observability/redact.ts";

const SECRET = `p+l/a=n&t<e>d"s'e\\cr et-é?`;
const HOLDFAST_KEY = `hf_restore_0123456789ab_${"0123456789abcdef".repeat(4)}`;
const TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.abcdefghijklmnop";

const base64 = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

Deno.test("a secret is redacted in every encoding", () => {
  registerSecrets(SECRET);
  const forms = [
    SECRET,
    JSON.stringify({ key: SECRET }),
    encodeURIComponent(SECRET),
    encodeURIComponent(SECRET).toLowerCase(),
    "p+l/a=n&amp;t&lt;e&gt;d&quot;s&apos;e\\cr et-é?",
  ];
  for (const form of forms) {
    const shown = redact(`before ${form} behind`);
    assert.match(shown, /^before .*\(hidden\).* behind$/, form);
    assert.ok(!/cr( |%20)et/i.test(shown), shown);
  }
});

Deno.test("a secret in base64 is redacted completely at every offset", () => {
  registerSecrets(SECRET);
  for (const before of ["", "a", "ab", "abc", "Bearer ", "user:"]) {
    for (const behind of ["", "z", "zz", "zzz"]) {
      const text = base64(before + SECRET + behind);
      for (
        const form of [
          text,
          text.replaceAll("+", "-").replaceAll("/", "_"),
          encodeURIComponent(text),
        ]
      ) {
        const shown = redact(form);
        assert.match(shown, /\(hidden\)/, `${before}…${behind}`);
        assert.ok(shown.length < 40, shown);
      }
    }
  }
});

Deno.test("keys, tokens and signatures are recognized by their form", () => {
  const signature = `Signature=${"ab".repeat(32)}`;
  for (const secret of [HOLDFAST_KEY, TOKEN, "sb_secret_abcdefghijklmnopqrstuv_12345678"]) {
    assert.equal(redact(`sent: ${secret}.`), "sent: (hidden).");
  }
  assert.equal(redact(`${signature}, more`), "Signature=(hidden), more");
});

Deno.test("ids, digests and short words are not redacted", () => {
  registerSecrets("postgres", "short", undefined, "");
  const text = `the role "postgres" is short of ${crypto.randomUUID()} and ${"ab".repeat(32)}`;
  assert.equal(redact(text), text);
});

Deno.test("errors, log lines and responses are redacted", async () => {
  registerSecrets(SECRET);
  const error = new HoldfastError("storage_failed", `it said ${SECRET}`, {
    faults: [{ path: HOLDFAST_KEY, message: "is not a field" }],
    facts: { owner: `https://${SECRET}@h` },
  });
  assert.equal(error.message, "it said (hidden)");
  assert.equal(messageOf(new TypeError(`Invalid URL: '${SECRET}'`)), "Invalid URL: '(hidden)'");
  const answered = await problemResponse(error).text();
  assert.ok(!answered.includes("cr et") && !answered.includes(HOLDFAST_KEY), answered);
  const lines: string[] = [];
  const { error: print } = console;
  console.error = (line: string) => lines.push(line);
  try {
    logError({ message: TOKEN, stack: `at ${SECRET}` });
  } finally {
    console.error = print;
  }
  assert.deepEqual(lines, ['{"level":"error","message":"(hidden)","stack":"at (hidden)"}']);
});

Deno.test("a log line is one line of plain characters for every name", () => {
  const lines: string[] = [];
  const { error: print } = console;
  console.error = (line: string) => lines.push(line);
  const name =
    'a\n{"level":"error","code":"forged"}\r\u001b[2J\u009b31m\u2028\u2029\u202e\u007f\0é';
  try {
    logError({ name });
  } finally {
    console.error = print;
  }
  assert.equal(lines.length, 1);
  assert.doesNotMatch(lines[0]!, /\p{Cc}|\p{Bidi_Control}|[\u2028\u2029]/u);
  assert.equal(JSON.parse(lines[0]!).name, name);
});
