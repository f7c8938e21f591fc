import { type Radosgw, startRadosgw } from "../radosgw/start.ts";
import { StackClient } from "../../stack/client.ts";
import { type LaunchedStack, launchStack } from "../../stack/launch.ts";
import { BIN_DIRECTORY_VARIABLE } from "../../stack/postgres/binaries.ts";
import type { Group } from "./groups.ts";
import type { FoundParts } from "./parts.ts";

/** The servers of the groups, each started for the first group that needs it. */
export class Servers implements AsyncDisposable {
  /** By the folder of their PostgreSQL. */
  readonly #stacks = new Map<string, LaunchedStack>();
  #radosgw: Promise<Radosgw> | undefined;

  constructor(readonly parts: FoundParts) {}

  /** The control API of a group's stack; undefined if the group uses none. */
  async stackUrl(group: Group): Promise<string | undefined> {
    if (group.stack === undefined) return undefined;
    const bin = group.stack === "pg_cron" ? this.parts.pg_cron : undefined;
    const name = bin ?? "packaged";
    const running = this.#stacks.get(name);
    if (running) return running.url;
    const stack = await launchStack(bin === undefined ? {} : { [BIN_DIRECTORY_VARIABLE]: bin });
    this.#stacks.set(name, stack);
    await assertPgCron(stack.url, bin);
    return stack.url;
  }

  /** The environment variables through which a group finds its external part. */
  async environment(group: Group): Promise<Record<string, string>> {
    if (group.stack === "pg_cron" && this.parts.pg_cron) {
      // For tests that start their own PostgreSQL.
      return { [BIN_DIRECTORY_VARIABLE]: this.parts.pg_cron };
    }
    if (group.needs !== "radosgw") return {};
    this.#radosgw ??= startRadosgw();
    return (await this.#radosgw).environment;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // If a server did not start, its group has failed already.
    const radosgw = await this.#radosgw?.catch(() => undefined);
    await Promise.all([...this.#stacks.values(), radosgw].map((server) => server?.stop()));
  }
}

/** Asserts that a found part works. Otherwise the real pg_cron would be skipped silently. */
async function assertPgCron(url: string, bin: string | undefined): Promise<void> {
  if (bin === undefined) return;
  const { hasPgCron } = await new StackClient(url).call("stackInfo", {});
  if (!hasPgCron) throw new Error(`the PostgreSQL in ${bin} does not offer pg_cron`);
}
