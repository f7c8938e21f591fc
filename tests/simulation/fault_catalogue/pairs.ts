import { type Kind, KINDS } from "../proxy/request_kinds.ts";
import { HTTP_FAULTS, SQL_FAULTS } from "./names.ts";

/** Faults that are injected at random: those of servers and of the connections to them. */
export const RANDOM_FAULTS = [...HTTP_FAULTS, ...SQL_FAULTS, "lose_reply", "flip_byte"] as const;

/** The name of a fault that is injected at random. */
export type RandomFault = (typeof RANDOM_FAULTS)[number];

/** Pairs of a fault and a kind of request that cannot occur, and why. */
interface Exception {
  readonly faults: readonly RandomFault[];
  readonly kinds: readonly Kind[];
  readonly why: string;
}

const READS: readonly Kind[] = ["storage GET", "storage GET back"];
const WITHOUT_ANSWER_BODY: readonly Kind[] = ["s3 HEAD", "s3 PUT", "s3 put part", "s3 DELETE"];
const WITH_ETAG: readonly Kind[] = [...READS, "s3 GET", "s3 HEAD", "s3 PUT", "s3 put part"];
const WITH_BYTES: readonly Kind[] = [
  "storage POST object",
  "s3 PUT",
  "s3 put part",
  "s3 complete upload",
];

const allBut = (...kinds: readonly Kind[]) => KINDS.filter((kind) => !kinds.includes(kind));

/** All pairs that cannot occur. */
export const EXCEPTIONS: readonly Exception[] = [
  { faults: HTTP_FAULTS, kinds: ["sql"], why: "PostgreSQL does not speak HTTP" },
  { faults: SQL_FAULTS, kinds: allBut("sql"), why: "only PostgreSQL answers it" },
  {
    faults: ["truncated_body", "flipped_answer"],
    kinds: WITHOUT_ANSWER_BODY,
    why: "the answer has no body",
  },
  {
    faults: ["longer_body"],
    kinds: ["s3 HEAD", "s3 DELETE"],
    why: "HTTP allows no body there",
  },
  { faults: ["wrong_etag"], kinds: allBut(...WITH_ETAG), why: "the answer has no etag" },
  { faults: ["stale_body"], kinds: allBut(...READS), why: "only reads of objects pass the CDN" },
  { faults: ["stale_list"], kinds: allBut("s3 LIST"), why: "nothing is listed" },
  { faults: ["delete_locked"], kinds: allBut("s3 DELETE"), why: "nothing is deleted" },
  { faults: ["flip_byte"], kinds: allBut(...WITH_BYTES), why: "no bytes of objects are sent" },
];

/** Why a fault cannot meet a kind of request; undefined if it can. */
export function exceptionFor(fault: RandomFault, kind: Kind): string | undefined {
  return EXCEPTIONS.find(({ faults, kinds }) => faults.includes(fault) && kinds.includes(kind))
    ?.why;
}

/** The faults that a kind of request can meet. */
export function faultsOf(kind: Kind): readonly RandomFault[] {
  return RANDOM_FAULTS.filter((fault) => exceptionFor(fault, kind) === undefined);
}

/** All pairs of a fault and a kind of request that can occur. */
export const PAIRS: readonly { readonly fault: RandomFault; readonly kind: Kind }[] = KINDS
  .flatMap((kind) => faultsOf(kind).map((fault) => ({ fault, kind })));
