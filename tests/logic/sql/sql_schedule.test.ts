import assert from "node:assert/strict";
import fc from "fast-check";
import { parseSchedule } from "../../../stack/postgres/cron_schedule.ts";
import { raised, type SqlProject, sqlTest } from "./support/project.ts";

const URL = "https://abcdefghijklmnopqrst.supabase.co";
const MINUTE_MS = 60_000;

sqlTest(
  "scheduling creates three jobs of the owner, and scheduling again changes the time",
  async (project) => {
    const said = await schedule(project, "0 2 * * *", URL);
    assert.match(
      said,
      /^Backups start at '0 2 \* \* \*' in UTC, next on \d{4}-\d\d-\d\d at 02:00\./,
    );
    assert.match(said, new RegExp(`posted to ${URL}\\.$`));
    const expected = (time: string) => [
      ["holdfast backup", time, "select holdfast.start_scheduled_backup()", "postgres"],
      ["holdfast housekeeping", "* * * * *", "select holdfast_private.housekeeping()", "postgres"],
      ["holdfast tick", "* * * * *", "select holdfast_private.tick()", "postgres"],
    ];
    assert.deepEqual(await jobs(project), expected("0 2 * * *"));
    await schedule(project, " 30 3 * * mon-fri ");
    assert.deepEqual(await jobs(project), expected("30 3 * * mon-fri"));
    assert.equal(await projectUrl(project), URL);
  },
);

sqlTest("without a URL the error shows the exact call, and no job is created", async (project) => {
  const error = await raised(schedule(project, "0 2 * * *"));
  assert.deepEqual([error.code, error.message], ["HF000", "project_url_missing"]);
  assert.equal(
    error.hint,
    "Name it: select holdfast.schedule('0 2 * * *', 'https://<project-ref>.supabase.co');",
  );
  assert.deepEqual(await jobs(project), []);
});

sqlTest("a project's URL has no path, and a new URL replaces it", async (project) => {
  for (
    const url of [
      "",
      "abc.supabase.co",
      "ftp://abc",
      "https://",
      `${URL}/functions`,
      `${URL}?a`,
      "https://user@host",
      "https://a b",
      "http://169.254.169.254",
      "http://[fe80::1]:8000",
      "http://Metadata.google.internal",
      "http://2852039166",
      "http://0xa9fea9fe:80",
      "http://[::ffff:169.254.169.254]",
    ]
  ) {
    assert.equal(
      (await raised(schedule(project, "0 2 * * *", url))).message,
      "project_url_invalid",
    );
  }
  for (const url of [`${URL}/`, "http://kong:8000", "http://[::1]:54321", URL]) {
    await schedule(project, "0 2 * * *", url);
    assert.equal(await projectUrl(project), url.replace(/\/$/, ""));
  }
});

sqlTest("an invalid or impossible schedule is refused, and the old one stays", async (project) => {
  await schedule(project, "0 2 * * *", URL);
  const before = await jobs(project);
  for (
    const expression of [
      "",
      "nonsense",
      "0 2 * *",
      "0 2 * * * *",
      "60 * * * *",
      "0 24 * * *",
      "0 0 0 * *",
      "0 0 31 2 *",
      "0 0 * 13 *",
      "0 0 * * 8",
      "5-2 * * * *",
      "0/5 * * * *",
      "*/0 * * * *",
      "1,,2 * * * *",
      "0 2 * * * ; select 1",
      "@reboot",
      "30 seconds",
      null,
    ]
  ) {
    const error = await raised(schedule(project, expression));
    assert.deepEqual([error.code, error.message], ["HF000", "schedule_invalid"], `${expression}`);
    assert.match(error.hint ?? "", /'0 2 \* \* \*' is each night at two/);
  }
  assert.deepEqual(await jobs(project), before);
});

sqlTest("unscheduling removes existing jobs", async (project) => {
  assert.equal(await unschedule(project), "Nothing was scheduled.");
  await schedule(project, "0 2 * * *", URL);
  await project.owner`select cron.schedule('mine', '0 1 * * *', 'select 1')`;
  assert.equal(await unschedule(project), "No backup is scheduled any more.");
  assert.deepEqual((await jobs(project)).map(([name]) => name), ["mine"]);

  await schedule(project, "0 2 * * *");
  await project.owner`select holdfast.start_scheduled_backup()`;
  assert.match(await unschedule(project), /The run that is on goes on\.$/);
  assert.deepEqual((await jobs(project)).map(([name]) => name), [
    "holdfast housekeeping",
    "holdfast tick",
    "mine",
  ]);
});

sqlTest("scheduling and unscheduling are recorded in the audit log", async (project) => {
  await schedule(project, "0 2 * * *", URL);
  await unschedule(project);
  const rows = await project.owner`
    select actor, action, detail from holdfast_private.audit where action like '%schedule' order by id`;
  assert.deepEqual(rows.map((row) => ({ ...row })), [
    {
      actor: "postgres",
      action: "schedule",
      detail: { cron_expression: "0 2 * * *", project_url: URL },
    },
    { actor: "postgres", action: "unschedule", detail: {} },
  ]);
});

sqlTest("the next time is the first minute at which cron would run", async ({ owner }) => {
  const value = (lowest: number, highest: number) => fc.integer({ min: lowest, max: highest });
  const item = (lowest: number, highest: number) =>
    fc.oneof(
      { weight: 3, arbitrary: value(lowest, highest).map(String) },
      fc.tuple(value(lowest, highest), value(lowest, highest), value(1, 6)).map(([a, b, step]) =>
        `${Math.min(a, b)}-${Math.max(a, b)}${step > 2 ? `/${step}` : ""}`
      ),
      value(2, Math.min(30, highest)).map((step) => `*/${step}`),
    );
  const field = (lowest: number, highest: number) =>
    fc.oneof(
      fc.constant("*"),
      fc.array(item(lowest, highest), { minLength: 1, maxLength: 3 }).map((all) => all.join(",")),
    );
  const expression = fc.tuple(
    field(0, 59),
    field(0, 23),
    fc.oneof(field(1, 28), fc.constant("$")),
    fc.oneof(field(1, 12), fc.constantFrom("jan", "feb-apr", "Oct,DEC")),
    fc.oneof(field(0, 7), fc.constantFrom("sun", "mon-fri", "SAT")),
  ).map((fields) => fields.join(" "));
  const after = fc.date({
    min: new Date("2026-01-01"),
    max: new Date("2032-01-01"),
    noInvalidDate: true,
  });
  await fc.assert(
    fc.asyncProperty(expression, after, async (each, from) => {
      const [{ next }] = await owner<{ next: Date | null }[]>`
        select holdfast_private.next_time(${each}, ${from}) as next`;
      assert.ok(next, each);
      const schedule = parseSchedule(each);
      assert.ok(schedule.kind === "minutes");
      assert.ok(schedule.isDue(next), `${each} is not due at ${next.toISOString()}`);
      assert.equal(next.getTime() % MINUTE_MS, 0);
      // No earlier minute matches. For a long wait, only the first and last days are checked.
      const first = Math.floor(from.getTime() / MINUTE_MS) + 1;
      const minutes = (next.getTime() / MINUTE_MS) - first;
      for (let minute = 0; minute < minutes; minute++) {
        if (minute > 1500 && minute < minutes - 1500) continue;
        const date = new Date((first + minute) * MINUTE_MS);
        assert.ok(!schedule.isDue(date), `${each} is due at ${date.toISOString()} before`);
      }
    }),
    { numRuns: 100 },
  );
});

sqlTest("nicknames and rare days are supported", async ({ owner }) => {
  const from = "2026-11-21T04:50:30Z";
  const known: [string, string | null][] = [
    ["@hourly", "2026-11-21T05:00:00.000Z"],
    ["@daily", "2026-11-22T00:00:00.000Z"],
    ["@weekly", "2026-11-22T00:00:00.000Z"],
    ["@monthly", "2026-12-01T00:00:00.000Z"],
    ["@yearly", "2027-01-01T00:00:00.000Z"],
    ["0 0 29 2 *", "2028-02-29T00:00:00.000Z"],
    ["0 3 $ * *", "2026-11-30T03:00:00.000Z"],
    ["0 3 1 * mon", "2026-11-23T03:00:00.000Z"],
    ["0 0 30 2 *", null],
  ];
  for (const [expression, expected] of known) {
    const [{ next }] = await owner<{ next: Date | null }[]>`
      select holdfast_private.next_time(${expression}, ${from}) as next`;
    assert.equal(next?.toISOString() ?? null, expected, expression);
  }
});

async function schedule(
  { owner }: SqlProject,
  expression: string | null,
  url: string | null = null,
) {
  const [{ said }] = await owner<{ said: string }[]>`
    select holdfast.schedule(${expression}, ${url}) as said`;
  return said;
}

async function unschedule({ owner }: SqlProject): Promise<string> {
  const [{ said }] = await owner<{ said: string }[]>`select holdfast.unschedule() as said`;
  return said;
}

async function jobs({ owner }: SqlProject): Promise<string[][]> {
  const rows = await owner`
    select jobname, schedule, command, username from cron.job order by jobname`;
  return rows.map((row) => [row.jobname, row.schedule, row.command, row.username]);
}

async function projectUrl({ owner }: SqlProject): Promise<string> {
  const [row, ...more] = await owner`
    select decrypted_secret as url from vault.decrypted_secrets
    where name = 'holdfast_project_url'`;
  assert.deepEqual(more, []);
  return row.url;
}
