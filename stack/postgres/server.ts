import { join } from "node:path";
import { freePort } from "../process/ports.ts";
import type { SupervisedProcess } from "../process/supervised.ts";
import type { Workspace } from "../process/workspace.ts";
import { findBinaries, type ServerUser, serverUser } from "./binaries.ts";

/** The superuser, as on a Supabase project. */
export const SUPERUSER = "supabase_admin";

/** A PostgreSQL server that can be stopped and started again on the same port. */
export interface PostgresServer {
  readonly port: number;
  /** Starts the server with these settings. They replace those of an earlier start. */
  start(settings: Record<string, string>): Promise<void>;
  /**
   * `fast` rolls back and shuts down cleanly. `immediate` simulates a crash: the next start
   * recovers.
   */
  stop(mode: "fast" | "immediate"): Promise<void>;
}

/** Number of attempts if another process takes the port first. */
const PORT_ATTEMPTS = 10;

const READY = /database system is ready to accept connections/;
const PORT_TAKEN = /could not bind IPv4 address/;

/** This code parses messages and compares times, so neither may depend on the machine. */
const ENVIRONMENT = { LC_ALL: "C", TZ: "UTC" };

/** Creates a data folder below the workspace. It does not start the server. */
export async function createServer(options: {
  workspace: Workspace;
  binDirectory?: string;
  superuserPassword: string;
}): Promise<PostgresServer> {
  const { workspace, superuserPassword } = options;
  const user = serverUser();
  const bin = await findBinaries(workspace, user, options.binDirectory);
  const folder = await workspace.makeFolder(`postgres-${crypto.randomUUID()}`, user);
  const data = join(folder, "data");
  await initializeData(workspace, user, bin, folder, superuserPassword);

  let port = freePort();
  let started = false;
  let server: SupervisedProcess | undefined;

  async function spawnOnce(settings: Record<string, string>) {
    await writeSettings(join(data, "postgresql.conf"), { ...settings, port: `${port}` });
    server = workspace.spawn("postgres", {
      command: join(bin, "postgres"),
      args: ["-D", data],
      env: ENVIRONMENT,
      stopSignal: "QUIT",
      ...user,
    });
    await server.waitForLine(READY);
  }

  return {
    get port() {
      return port;
    },
    async start(settings) {
      for (let attempt = 1;; attempt++) {
        try {
          await spawnOnce(settings);
          started = true;
          return;
        } catch (error) {
          if (!PORT_TAKEN.test(server?.output() ?? "") || attempt === PORT_ATTEMPTS) throw error;
          // After the first start clients know the port, so it must stay. Before, any port works.
          if (started) await new Promise((resolve) => setTimeout(resolve, 200));
          else port = freePort();
        }
      }
    },
    async stop(mode) {
      server?.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
      await server?.status;
      server = undefined;
    },
  };
}

/** Writes the settings to a file: every user of the machine could read them as arguments. */
async function writeSettings(path: string, settings: Record<string, string>) {
  const lines = Object.entries(settings).map(([name, value]) =>
    `${name} = '${value.replaceAll("'", "''")}'\n`
  );
  await Deno.writeTextFile(path, lines.join(""));
}

async function initializeData(
  workspace: Workspace,
  user: ServerUser,
  bin: string,
  folder: string,
  password: string,
) {
  const passwordFile = join(folder, "password");
  await Deno.writeTextFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user.uid !== undefined) await Deno.chown(passwordFile, user.uid, user.gid ?? null);
  const process = workspace.spawn("initdb", {
    command: join(bin, "initdb"),
    args: [
      `--pgdata=${join(folder, "data")}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordFile}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      // A project sorts by a language's rules, not by bytes. ICU's rules do not depend on the
      // machine.
      "--locale=C",
      "--locale-provider=icu",
      "--icu-locale=en-US",
      "--no-sync",
      "--no-instructions",
    ],
    env: ENVIRONMENT,
    ...user,
  });
  const status = await process.status;
  if (!status.success) throw new Error(`initdb failed:\n${process.output()}`);
  await Deno.remove(passwordFile);
}
