import type { Check } from "./check.ts";
import { readSourceFiles, type SourceFile } from "./source_files.ts";

/** A pattern that no file may contain. */
interface Rule {
  pattern: RegExp;
  why: string;
  /** Paths to which the rule applies; all paths if absent. */
  files?: RegExp;
}

/** These files contain the patterns themselves. The change log quotes names of older versions. */
const EXEMPT =
  /^(tools\/check\/words\.ts|tests\/unit\/tools\/check\/words_test\.ts|CHANGELOG\.md)$/;

const RULES: Rule[] = [
  {
    pattern: /(?<![\w.:/})\]-])\/(?:home|root|Users|tmp|mnt|work|workspace)\/[\w.-]+/,
    why: "a path of one machine",
  },
  { pattern: /^(?:<{7}|>{7}|\|{7}) /m, why: "a merge conflict" },
  {
    pattern: /\b(?:TODO|FIXME|XXX|HACK)\b/,
    why: "unfinished: do it, or say in docs/ what is left",
  },
  { pattern: /\bissues? #?\d+\b/i, why: "refers to a tracker: say the reason itself" },
  { pattern: /\bDeno\.test\.only\(|\bonly: true\b|\bdebugger;/, why: "left from debugging" },
  {
    pattern: /\bsanitize(?:Ops|Resources|Exit): false/,
    why: "tests run with all sanitizers on",
  },
  {
    pattern: /\bdeno-(?:lint|fmt)-ignore(?:-file)?(?:(?! -- ).)*$/m,
    why: "an ignore without its reason (… -- reason)",
  },
  {
    pattern: /@ts-(?:ignore|nocheck)|@ts-expect-error\s*$/m,
    why: "hides a type error without a reason",
  },
  {
    pattern: /\b(?:slices?|workers?|cursors?|leases?|catalog)\b/i,
    why: "a word of the inside: readers know backup, snapshot, restore, repository, verify, drill",
    files: /^(?:README|docs\/RESTORE)\.md$/,
  },
];

/** Checks for text that must not be published. */
export const wordsCheck: Check = {
  name: "words and paths that have no place here",
  async run({ path }) {
    return (await readSourceFiles(path)).flatMap(findWords);
  },
};

/** Finds every match of a rule in a file. */
export function findWords({ path, text }: SourceFile): string[] {
  if (EXEMPT.test(path)) return [];
  const faults: string[] = [];
  for (const { pattern, why, files } of RULES) {
    if (files && !files.test(path)) continue;
    for (const match of text.matchAll(new RegExp(pattern, `${pattern.flags}g`))) {
      const line = text.slice(0, match.index).split("\n").length;
      faults.push(`${path}:${line}: ${match[0].trim()}: ${why}`);
    }
  }
  return faults;
}

/** A word that has a standard term, and that term. */
interface Term {
  /** Forms of the word, in lower case. */
  words: readonly string[];
  say: string;
  /** Whether it is checked as a single word, as a part of a longer identifier, or as both. */
  in: "text" | "identifier" | "both";
}

const TERMS: readonly Term[] = [
  { words: ["told", "telling", "tellings"], say: "run, simulate, report", in: "both" },
  { words: ["weather", "storm", "storms", "stormy"], say: "random faults", in: "both" },
  { words: ["spoil", "spoils", "spoilt"], say: "corrupted, malformed", in: "both" },
  { words: ["mend", "mends", "mended", "mending"], say: "fix, repair", in: "both" },
  { words: ["bare"], say: "without user metadata", in: "both" },
  { words: ["stray", "strays", "leftover", "leftovers"], say: "orphaned, unfinished", in: "both" },
  { words: ["left"], say: "orphaned, remaining", in: "identifier" },
  { words: ["gone"], say: "deleted, missing", in: "both" },
  { words: ["late"], say: "delayed", in: "both" },
  { words: ["well"], say: "healthy", in: "identifier" },
  { words: ["door", "doors"], say: "client, transport, proxy", in: "both" },
  { words: ["plant", "plants", "planted"], say: "mutant", in: "both" },
  { words: ["announce", "announces", "announced"], say: "record intent", in: "both" },
  { words: ["elsewhere"], say: "what the thing is: other project, moved object", in: "both" },
  { words: ["given"], say: "what the thing is: reassigned, received", in: "identifier" },
  { words: ["lane", "lanes"], say: "worker", in: "both" },
  { words: ["nights"], say: "backup_history", in: "both" },
  { words: ["killer", "killers", "deaths"], say: "poison object, crashes", in: "both" },
  { words: ["whoever", "whatever"], say: "a sentence with a subject", in: "text" },
  { words: ["sweep", "sweeps", "swept"], say: "scan", in: "both" },
  {
    words: ["way", "ways", "turn", "turns", "place", "places", "house", "whole"],
    say: "the thing itself: method, iteration, location",
    in: "identifier",
  },
];

/** Phrases of several words, each with its replacement. */
const SAYINGS: readonly { pattern: RegExp; say: string }[] = [
  { pattern: /\bit were\b/i, say: "the indicative" },
  { pattern: /\b(?:says?|said) nothing\b/i, say: "is empty, has no metadata" },
  { pattern: /\btell(?:s|ing)? \w+ apart\b/i, say: "compare" },
  { pattern: /\bhold(?:s|ing)? to\b|\bheld to\b/i, say: "verify against" },
  { pattern: /\b(?:is|are|was) well\b/i, say: "is healthy" },
  { pattern: /\bleft[- ]over\b/i, say: "orphaned, unfinished" },
  { pattern: /hf_look|(["'`])look\1/, say: "read (the scope)" },
];

/** Allowed uses: the word has its everyday sense or belongs to another project's vocabulary. */
const ALLOWED: readonly { word: RegExp; line: RegExp; why: string }[] = [
  { word: /^gone$/i, line: /\b410\b|status.*Gone/, why: "HTTP's own name of the status" },
  { word: /^gone$/i, line: /\} as gone: |and \d+ as gone: /, why: "a printed line of the demo" },
  { word: /place/i, line: /in_?place/i, why: "in place is a term: where the bytes already are" },
  { word: /place/i, line: /placeholder/i, why: "a term of forms" },
  { word: /left/i, line: /\bleft (?:outer )?join\b/i, why: "SQL" },
  { word: /^door/i, line: /(?:in|out)doors/i, why: "everyday" },
  { word: /turn/i, line: /\bre_?turn/i, why: "a keyword" },
  { word: /well/i, line: /well_?(?:formed|known)/i, why: "JavaScript's and HTTP's own words" },
];

/** Checks for words that have a standard term in STYLE.md. */
export const styleCheck: Check = {
  name: "words that have a standard term",
  async run({ path }) {
    return (await readSourceFiles(path)).flatMap(findTerms);
  },
};

/** Finds every word of a file that has a standard term, with that term. */
export function findTerms({ path, text }: SourceFile): string[] {
  if (EXEMPT.test(path)) return [];
  return text.split("\n").flatMap((line, index) => {
    const words = [...line.matchAll(/[A-Za-z_$][\w$]*/g)].flatMap(([word]) => {
      const say = termOf(word);
      return say === undefined || isAllowed(word, line) ? [] : [[word, say] as const];
    });
    const sayings = SAYINGS.flatMap(({ pattern, say }) => {
      const found = pattern.exec(line)?.[0];
      return found === undefined ? [] : [[found, say] as const];
    });
    return [...words, ...sayings].map(([word, say]) =>
      `${path}:${index + 1}: ${word}: the term is ${say}`
    );
  });
}

function isAllowed(word: string, line: string): boolean {
  return ALLOWED.some((allowed) => allowed.word.test(word) && allowed.line.test(line));
}

/** The standard term for a word or a part of an identifier; undefined if the word is allowed. */
function termOf(word: string): string | undefined {
  const parts = word.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g)?.map((part) => part.toLowerCase()) ??
    [];
  const alone = parts.length === 1;
  return TERMS.find(({ words, in: where }) =>
    (where === "both" || (where === "text") === alone) && parts.some((part) => words.includes(part))
  )?.say;
}
