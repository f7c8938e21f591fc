import { delimiter, join } from "node:path";
import { BIN_DIRECTORY_VARIABLE } from "../../stack/postgres/binaries.ts";

/** An external part that some machines lack and that some tests require. */
export type Part = "pg_cron" | "radosgw" | "awscli";

/** Description of each part, for the message if it is missing. */
const PARTS: Readonly<Record<Part, string>> = {
  pg_cron: `a PostgreSQL with pg_cron, in ${BIN_DIRECTORY_VARIABLE} or from Debian`,
  radosgw: "Ceph's S3 server: radosgw, ceph-mon and ceph-osd of Debian",
  awscli: "the AWS CLI and jq, from Debian",
};

/** The environment variable with the required parts. If one is missing, the run of tests fails. */
export const REQUIRE_VARIABLE = "HOLDFAST_TEST_REQUIRE";

/** The parts that this machine has. */
export interface FoundParts {
  /** The folder with the `postgres` of a PostgreSQL that has pg_cron. */
  pg_cron?: string;
  /** The path of the program. */
  radosgw?: string;
  awscli?: string;
}

/**
 * Reads HOLDFAST_TEST_REQUIRE: names of parts, separated by commas.
 *
 * @throws {RangeError} for an unknown name
 */
export function requiredParts(text = Deno.env.get(REQUIRE_VARIABLE) ?? ""): Part[] {
  const names = text.split(",").map((name) => name.trim()).filter((name) => name !== "");
  for (const name of names) {
    if (name in PARTS) continue;
    const known = Object.keys(PARTS).join(", ");
    throw new RangeError(`${REQUIRE_VARIABLE} names ${name}; there are ${known}`);
  }
  return names as Part[];
}

/** The message for a missing part. */
export function describeMissing(part: Part): string {
  return `${part} is not on this machine (${PARTS[part]})`;
}

/** Searches for the parts. Whether they work is determined when they are started. */
export async function findParts(): Promise<FoundParts> {
  const hasJq = await findProgram("jq") !== undefined;
  return {
    pg_cron: await findPgCron(),
    radosgw: await findProgram("radosgw"),
    awscli: hasJq ? await findProgram("aws") : undefined,
  };
}

/** The configured PostgreSQL, or the newest of Debian's, if it has pg_cron. */
async function findPgCron(): Promise<string | undefined> {
  const asked = Deno.env.get(BIN_DIRECTORY_VARIABLE);
  if (asked) return await hasPgCron(asked) ? asked : undefined;
  const versions = await Array.fromAsync(entriesOf("/usr/lib/postgresql"));
  for (const version of versions.sort((one, other) => Number(other) - Number(one))) {
    const bin = `/usr/lib/postgresql/${version}/bin`;
    if (await hasPgCron(bin)) return bin;
  }
  return undefined;
}

async function hasPgCron(bin: string): Promise<boolean> {
  try {
    const config = new Deno.Command(join(bin, "pg_config"), { args: ["--sharedir"] });
    const folder = new TextDecoder().decode((await config.output()).stdout).trim();
    return await isFile(join(folder, "extension", "pg_cron.control"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function* entriesOf(folder: string): AsyncGenerator<string> {
  try {
    for await (const { name } of Deno.readDir(folder)) yield name;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of (Deno.env.get("PATH") ?? "").split(delimiter)) {
    if (folder !== "" && await isFile(join(folder, name))) return join(folder, name);
  }
  return undefined;
}

async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then((stat) => stat.isFile, () => false);
}
