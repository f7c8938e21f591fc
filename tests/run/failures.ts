import { XMLParser } from "fast-xml-parser";

/** A test that failed. */
export interface Failure {
  /** The file, and the test's name with the names of its steps. */
  test: string;
  /** Its output, from the error to the last line of the stack. */
  text: string;
}

/**
 * Maximum number of lines of a failure that the summary repeats. The full text is printed at the
 * failure.
 */
const MAX_LINES = 40;

/** Reads the failed tests from the JUnit report of `deno test`. */
export function failuresOfReport(xml: string): Failure[] {
  const failures: Failure[] = [];
  for (const suite of elements(parser.parse(xml)?.testsuites, "testsuite")) {
    for (const testcase of elements(suite, "testcase")) {
      for (const failure of elements(testcase, "failure")) {
        failures.push({
          test: `${testcase.classname}: ${testcase.name}`,
          text: typeof failure === "string" ? failure : failure["#text"] ?? failure.message,
        });
      }
    }
  }
  return failures;
}

// deno-lint-ignore no-explicit-any -- the parser returns elements of any shape
type Element = any;

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: "",
  parseTagValue: false,
});

function elements(parent: Element, name: string): Element[] {
  return [parent?.[name] ?? []].flat();
}

/**
 * The failures by group, for the end of a run. The original output is thousands of lines earlier
 * and missing if only the end of a log is kept.
 */
export function formatFailures(failures: ReadonlyMap<string, readonly Failure[]>): string {
  const texts = [...failures].flatMap(([group, failed]) =>
    failed.map(({ test, text }) => `${group}: ${test}\n${indent(text)}\n`)
  );
  return texts.length === 0 ? "" : `\nFailed:\n\n${texts.join("\n")}`;
}

function indent(text: string): string {
  const lines = text.split("\n");
  const left = lines.length - MAX_LINES;
  const shown = left > 0 ? [...lines.slice(0, MAX_LINES), `… ${left} more lines`] : lines;
  return shown.map((line) => `  ${line}`).join("\n");
}
