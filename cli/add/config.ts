import { isDeepStrictEqual } from "node:util";
import { parse } from "smol-toml";
import { AddError } from "./errors.ts";
import { CONFIG_FILE } from "./names.ts";

/** A table of TOML, parsed. */
type Table = Record<string, unknown>;

/** The comment above the first added section. */
const COMMENT = "# Holdfast's functions check Holdfast's own keys, which are no JWTs.";

/**
 * Edits config.toml so that it turns off the gateway's JWT check for these functions. It only
 * inserts missing lines; all existing bytes, comments and line ends stay.
 * The CLI (2.117.0) finds a function's deno.json and index.ts by itself, so nothing else is needed.
 *
 * @param bytes content of config.toml
 * @returns the new content
 * @throws AddError `config_malformed`; `config_conflict` if a section has a conflicting setting;
 * `config_needs_hand` if the file's syntax does not allow inserting the section
 */
export function editConfig(bytes: Uint8Array, functions: string[]): Uint8Array<ArrayBuffer> {
  const original = decode(bytes);
  const before = parseConfig(original);
  let text = original;
  const missing: string[] = [];
  for (const name of functions) {
    const section = sectionOf(before, name);
    if (section === undefined) {
      missing.push(name);
      continue;
    }
    refuseConflict(original, name, section);
    if (!("verify_jwt" in section)) text = insertIntoSection(text, name);
  }
  text = appendSections(text, missing);
  if (!sameValues(parseOrNull(text), withSections(before, functions))) {
    throw needsHand(functions.filter((name) => sectionOf(before, name)?.verify_jwt !== false));
  }
  return new TextEncoder().encode(text);
}

/** Decodes UTF-8. The byte order mark stays in the text, so that it is written again. */
function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed("it is not UTF-8");
  }
}

function parseConfig(text: string): Table {
  try {
    return parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw malformed((error as Error).message.trim());
  }
}

function parseOrNull(text: string): Table | null {
  try {
    return parse(text.replace(/^\uFEFF/, ""));
  } catch {
    return null;
  }
}

function sectionOf(config: Table, name: string): Table | undefined {
  const functions = config.functions;
  if (!isTable(functions) || !Object.hasOwn(functions, name)) return undefined;
  const section = functions[name];
  return isTable(section) ? section : { verify_jwt: section };
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Compares clones, because the parser's tables have no prototype and a strict comparison would
 * fail.
 */
function sameValues(one: Table | null, other: Table): boolean {
  return isDeepStrictEqual(structuredClone(one), structuredClone(other));
}

/** The expected result: the parsed config with `verify_jwt = false` in each of the sections. */
function withSections(config: Table, names: string[]): Table {
  const functions = { ...(isTable(config.functions) ? config.functions : {}) };
  for (const name of names) {
    functions[name] = { ...sectionOf(config, name), verify_jwt: false };
  }
  return { ...config, functions };
}

/**
 * Refuses settings that replace a function's entrypoint, prevent its deployment or reject its keys.
 */
function refuseConflict(text: string, name: string, section: Table) {
  const wanted: [key: string, right: (value: unknown) => boolean, value: string][] = [
    ["verify_jwt", (value) => value === false, "false"],
    ["enabled", (value) => value === true, "true"],
    ["import_map", isPath(`functions/${name}/deno.json`), `"./functions/${name}/deno.json"`],
    ["entrypoint", isPath(`functions/${name}/index.ts`), `"./functions/${name}/index.ts"`],
  ];
  const faults = wanted.filter(([key, right]) => key in section && !right(section[key]));
  if (faults.length === 0) return;
  throw new AddError(
    "config_conflict",
    `supabase/${CONFIG_FILE} sets up ${name} in a way with which it cannot work:\n` +
      faults.map(([key, , value]) =>
        `  ${locate(text, name, key)}${key} = ${JSON.stringify(section[key])}, must be ${value}\n`
      ).join("") +
      "Change that by hand, if the function is Holdfast's, and run this again.",
  );
}

function isPath(path: string): (value: unknown) => boolean {
  return (value) => value === path || value === `./${path}`;
}

/** `line 12: ` if the section and its key are on separate lines; otherwise an empty text. */
function locate(text: string, name: string, key: string): string {
  const lines = text.split("\n");
  const header = lines.findIndex((line) => headerOf(name).test(line));
  if (header === -1) return "";
  const at = lines.findIndex((line, index) =>
    index > header && new RegExp(`^\\s*["']?${key}["']?\\s*=`).test(line)
  );
  const next = lines.findIndex((line, index) => index > header && /^\s*\[/.test(line));
  return at === -1 || (next !== -1 && at > next) ? "" : `line ${at + 1}: `;
}

/** Matches `[functions.NAME]` in every spelling that TOML allows. */
function headerOf(name: string): RegExp {
  const key = (word: string) => `(?:${word}|"${word}"|'${word}')`;
  return new RegExp(`^\\s*\\[\\s*${key("functions")}\\s*\\.\\s*${key(name)}\\s*\\]\\s*(?:#[^]*)?$`);
}

function insertIntoSection(text: string, name: string): string {
  const lines = text.split("\n");
  const header = lines.findIndex((line) => headerOf(name).test(line));
  if (header === -1) return text;
  const end = lineEndOf(text);
  // If the header is the last line, it may lack a line end, so one is inserted before the new line.
  if (header === lines.length - 1) return `${text}${end}verify_jwt = false${end}`;
  lines.splice(header + 1, 0, `verify_jwt = false${end.slice(0, -1)}`);
  return lines.join("\n");
}

function appendSections(text: string, names: string[]): string {
  if (names.length === 0) return text;
  const end = lineEndOf(text);
  const sections = names.map((name, index) =>
    [...(index === 0 ? [COMMENT] : []), `[functions.${name}]`, "verify_jwt = false", ""].join(end)
  );
  const gap = text === "" ? "" : text.endsWith("\n") ? end : end + end;
  return text + gap + sections.join(end);
}

/** The file's line end: the one of its first line. */
function lineEndOf(text: string): "\n" | "\r\n" {
  const first = text.indexOf("\n");
  return first > 0 && text[first - 1] === "\r" ? "\r\n" : "\n";
}

function malformed(fault: string): AddError {
  return new AddError(
    "config_malformed",
    `supabase/${CONFIG_FILE} cannot be read as TOML: ${fault}\n` +
      "Repair it (the Supabase CLI refuses it too) and run this again.",
  );
}

function needsHand(names: string[]): AddError {
  return new AddError(
    "config_needs_hand",
    `supabase/${CONFIG_FILE} is written in a way that cannot be added to safely. ` +
      "Add this by hand and run this again:\n\n" +
      names.map((name) => `[functions.${name}]\nverify_jwt = false\n`).join("\n"),
  );
}
