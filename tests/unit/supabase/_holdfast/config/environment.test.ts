import assert from "node:assert/strict";
import { inspect } from "node:util";
import fc from "fast-check";
import { HoldfastError } from "../../../../../supabase/functions/_holdfast/config/errors.ts";
import {
  readBudgetSettings,
  readProjectSettings,
  readRepositorySettings,
} from "../../../../../supabase/functions/_holdfast/config/environment.ts";
import { anyText } from "../../any_text.ts";

type Variables = Record<string, string | undefined>;

const REPOSITORY: Variables = {
  HOLDFAST_S3_ENDPOINT: "https://s3.eu-central-1.amazonaws.com/",
  HOLDFAST_S3_REGION: "eu-central-1",
  HOLDFAST_S3_BUCKET: "my-backups",
  HOLDFAST_S3_PREFIX: "teams/holdfast",
  HOLDFAST_S3_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
  HOLDFAST_S3_SECRET_ACCESS_KEY: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  HOLDFAST_S3_FORCE_PATH_STYLE: "true",
};

const PROJECT: Variables = {
  SUPABASE_URL: "https://abc.supabase.co",
  SUPABASE_DB_URL: "postgresql://postgres:password@db.abc.supabase.co:5432/postgres",
  SUPABASE_SECRET_KEYS: '{"default":"sb_secret_1"}',
};

const repository = (changes: Variables = {}) => {
  const variables = { ...REPOSITORY, ...changes };
  return readRepositorySettings((name) => variables[name]);
};
const project = (changes: Variables = {}) => {
  const variables = { ...PROJECT, ...changes };
  return readProjectSettings((name) => variables[name]);
};

/** The variables that a refusal names, each with its fault. */
function faults(read: () => unknown): Record<string, string> {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof HoldfastError, String(error));
    assert.equal(error.code, "settings_invalid");
    for (const { path } of error.faults) assert.ok(error.message.includes(path));
    return Object.fromEntries(error.faults.map(({ path, message }) => [path, message]));
  }
  return {};
}

Deno.test("the repository's settings are read", () => {
  assert.deepEqual(repository(), {
    endpoint: "https://s3.eu-central-1.amazonaws.com",
    region: "eu-central-1",
    bucket: "my-backups",
    prefix: "teams/holdfast",
    accessKeyId: "AKIAIOSFODNN7EXAMPLE",
    secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    forcePathStyle: true,
  });
});

Deno.test("optional variables have their default, also if they are set to an empty value", () => {
  for (const nothing of [undefined, "", "  "]) {
    const { region, prefix, forcePathStyle } = repository({
      HOLDFAST_S3_REGION: nothing,
      HOLDFAST_S3_PREFIX: nothing,
      HOLDFAST_S3_FORCE_PATH_STYLE: nothing,
    });
    assert.deepEqual({ region, prefix, forcePathStyle }, {
      region: "us-east-1",
      prefix: "holdfast",
      forcePathStyle: false,
    });
  }
});

Deno.test("only Amazon has the bucket in the host name, unless the setting says otherwise", () => {
  const style = (HOLDFAST_S3_ENDPOINT: string, HOLDFAST_S3_FORCE_PATH_STYLE?: string) =>
    repository({ HOLDFAST_S3_ENDPOINT, HOLDFAST_S3_FORCE_PATH_STYLE }).forcePathStyle;
  assert.equal(style("https://s3.us-east-1.amazonaws.com"), false);
  assert.equal(style("https://s3.us-east-1.amazonaws.com", "true"), true);
  assert.equal(style("https://abc.r2.cloudflarestorage.com"), true);
  assert.equal(style("https://amazonaws.com.example.org"), true);
  assert.equal(style("http://127.0.0.1:9000", "false"), false);
});

Deno.test("whitespace around a value, as from a clipboard, is removed", () => {
  const given = Object.fromEntries(
    Object.entries(REPOSITORY).map(([name, value]) => [name, `\t ${value}\r\n`]),
  );
  assert.deepEqual(repository(given), repository());
});

Deno.test("one error names every missing variable", () => {
  const none = Object.fromEntries(Object.keys(REPOSITORY).map((name) => [name, undefined]));
  const missing = "is not set";
  assert.deepEqual(faults(() => repository(none)), {
    HOLDFAST_S3_ENDPOINT: missing,
    HOLDFAST_S3_BUCKET: missing,
    HOLDFAST_S3_ACCESS_KEY_ID: missing,
    HOLDFAST_S3_SECRET_ACCESS_KEY: missing,
  });
  assert.deepEqual(faults(() => readProjectSettings(() => undefined)), {
    SUPABASE_URL: missing,
    SUPABASE_DB_URL: missing,
  });
});

const WRONG: [name: string, values: string[]][] = [
  ["HOLDFAST_S3_ENDPOINT", [
    "s3.eu-central-1.amazonaws.com",
    "ftp://example.com",
    "https://",
    "https://key:secret@example.com",
    "https://example.com/?bucket=b",
    "https://example.com/#there",
    "file:///etc/passwd",
    "http://169.254.169.254",
    "http://2852039166/latest/meta-data",
    "http://0xa9.0xfe.0xa9.0xfe",
    "http://[::ffff:169.254.169.254]",
    "http://[fe80::1]:9000",
    "http://[fd00:ec2::254]",
    "http://metadata.google.internal/computeMetadata",
    "http://METADATA.google.internal.",
  ]],
  ["HOLDFAST_S3_BUCKET", ["b", "my backups", "a/b", "../b", "-b", "b".repeat(64), "…"]],
  ["HOLDFAST_S3_PREFIX", ["/a", "a/", "a//b", "..", "a/../b", "a/.", "a b", "a?b", "é", "a\\b"]],
  ["HOLDFAST_S3_ACCESS_KEY_ID", ["…", "two words", "a\nb", "é"]],
  ["HOLDFAST_S3_SECRET_ACCESS_KEY", ["…", "two words", "a\u0000b"]],
  ["HOLDFAST_S3_REGION", ["eu central", "…", "a/b", "eu-central-1,"]],
  ["HOLDFAST_S3_FORCE_PATH_STYLE", ["yes", "TRUE", "1"]],
];
for (const [name, values] of WRONG) {
  Deno.test(`an invalid ${name} is the only one named`, () => {
    for (const value of values) {
      assert.deepEqual(Object.keys(faults(() => repository({ [name]: value }))), [name], value);
    }
  });
}

Deno.test("a bucket name cannot turn the host into a link-local address", () => {
  const settings = {
    HOLDFAST_S3_ENDPOINT: "http://google.internal",
    HOLDFAST_S3_BUCKET: "Metadata",
    HOLDFAST_S3_FORCE_PATH_STYLE: "false",
  };
  assert.deepEqual(Object.keys(faults(() => repository(settings))), ["HOLDFAST_S3_BUCKET"]);
  repository({ ...settings, HOLDFAST_S3_FORCE_PATH_STYLE: "true" });
});

Deno.test("a project's URL has an origin and a path and nothing else", () => {
  for (
    const url of ["http://169.254.169.254", "https://a:b@project.test", "https://project.test/?a"]
  ) {
    const environment = (name: string) =>
      ({
        SUPABASE_URL: url,
        SUPABASE_DB_URL: "postgres://u:p@h/d",
        SUPABASE_SECRET_KEYS: '{"a":"b"}',
      })[
        name
      ];
    assert.deepEqual(Object.keys(faults(() => readProjectSettings(environment))), ["SUPABASE_URL"]);
  }
});

Deno.test("one error names every invalid variable", () => {
  const wrong = Object.fromEntries(WRONG.map(([name, values]) => [name, values[0]]));
  assert.deepEqual(Object.keys(faults(() => repository(wrong))).sort(), Object.keys(wrong).sort());
});

Deno.test("the project's key is the default key, else the first key, else the legacy key", () => {
  const key = (keys: string | undefined, legacy?: string) =>
    project({ SUPABASE_SECRET_KEYS: keys, SUPABASE_SERVICE_ROLE_KEY: legacy }).secretKey;
  assert.equal(key('{"a":"1","default":"2"}', "3"), "2");
  assert.equal(key('{"a":"1","b":"2"}', "3"), "1");
  assert.equal(key(undefined, "3"), "3");
  assert.equal(key("{}", "3"), "3");
  assert.equal(key('{"default":""}', "3"), "3");
});

Deno.test("a project without a key, or with malformed keys, is refused with that reason", () => {
  for (const keys of [undefined, "{}", "sb_secret_1", "[]", '"a"', '{"default":1}', "null", "{"]) {
    assert.deepEqual(Object.keys(faults(() => project({ SUPABASE_SECRET_KEYS: keys }))), [
      "SUPABASE_SECRET_KEYS",
    ]);
  }
});

Deno.test("slashes at the end of the project's URL are removed", () => {
  assert.equal(project({ SUPABASE_URL: "https://abc.supabase.co//" }).url, PROJECT.SUPABASE_URL);
});

Deno.test("no error contains a secret", () => {
  const SECRET = "wJalrXUtnFEMIplanted";
  const names = [...Object.keys(REPOSITORY), ...Object.keys(PROJECT), "SUPABASE_SERVICE_ROLE_KEY"];
  const around = fc.oneof(
    anyText({ maxLength: 8 }),
    fc.constantFrom(
      "",
      "https://a:",
      "@b",
      "{",
      '{"default":',
      '"',
      "}",
      "postgresql://x:",
      "[",
      "…",
    ),
  );
  const value = fc.oneof(
    fc.tuple(around, around).map(([before, after]) => `${before}${SECRET}${after}`),
    fc.constantFrom(undefined, "", "https://example.com"),
  );
  const environment = fc.record(Object.fromEntries(names.map((name) => [name, value])));
  let refused = 0;
  fc.assert(
    fc.property(environment, (variables: Variables) => {
      for (const read of [readRepositorySettings, readProjectSettings]) {
        try {
          read((name) => variables[name]);
        } catch (error) {
          assert.ok(error instanceof HoldfastError, String(error));
          refused++;
          const { message, remedy, faults: named, facts, stack } = error;
          const text = JSON.stringify({ message, remedy, named, facts, stack }) + inspect(error);
          assert.ok(!text.includes(SECRET), text);
        }
      }
    }),
    { numRuns: 1_000 },
  );
  assert.ok(refused > 500, "most of them are refused");
});

Deno.test("the CPU budget of an isolate can be set within limits", () => {
  const read = (value?: string) =>
    readBudgetSettings((name) => name === "HOLDFAST_CPU_MILLISECONDS" ? value : undefined);
  assert.deepEqual(read(), { cpuMilliseconds: undefined });
  assert.deepEqual(read("1900"), { cpuMilliseconds: 1_900 });
  for (const wrong of ["199", "60001", "1500.5", "much"]) {
    assert.deepEqual(Object.keys(faults(() => read(wrong))), ["HOLDFAST_CPU_MILLISECONDS"], wrong);
  }
});
