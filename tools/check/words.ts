import type { Check } from "./check.ts";
import { readSourceFiles, type SourceFile } from "./source_files.ts";

/** Something that no file may hold. */
interface Rule {
  pattern: RegExp;
  why: string;
  /** Where it applies; everywhere, where nothing is said. */
  files?: RegExp;
}

/** They hold what they look for. */
const EXEMPT = /^(tools\/check\/words|tests\/unit\/tools\/check\/words_test)\.ts$/;

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
    pattern: /\b(?:slices?|lanes?|cursors?|leases?|catalog)\b/i,
    why: "a word of the inside: readers know backup, snapshot, restore, repository, verify, drill",
    files: /^(?:README|docs\/RESTORE)\.md$/,
  },
];

/** What has no place in a published repository. */
export const wordsCheck: Check = {
  name: "words and paths that have no place here",
  async run({ path }) {
    return (await readSourceFiles(path)).flatMap(findWords);
  },
};

/** Every place in a file that a rule is against. */
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
