import { fileURLToPath } from "node:url";
import { type FunctionsHost, startFunctions } from "../../stack/edge/functions.ts";
import type { GatewayServices } from "../../stack/edge/gateway.ts";
import { defaultSecrets } from "../../stack/secrets.ts";
import type { Exchange } from "../door/door.ts";
import type { FaultsProject } from "../world/project.ts";
import type { Servers } from "../world/servers.ts";
import { openHttpDoor, type Pass } from "./http_door.ts";
import type { NetworkDoor } from "./network_door.ts";
import { openPostgresDoor } from "./postgres_door.ts";

const FUNCTIONS = fileURLToPath(new URL("../../../supabase/functions", import.meta.url));

/** What the doors tell, and whom they ask, in the scene that is on. */
export interface Doorkeeper {
  pass: Pass;
  exchanged: (exchange: Omit<Exchange, "step">) => void;
}

/** A project's functions in processes of their own, whose every way outside leads through doors. */
export class ProjectFunctions implements AsyncDisposable {
  /** Set by each scene. */
  keeper: Doorkeeper | undefined;

  private constructor(readonly host: FunctionsHost, private readonly stack: AsyncDisposableStack) {}

  static async start(
    servers: Servers,
    project: FaultsProject,
    services: GatewayServices,
  ): Promise<ProjectFunctions> {
    await using stack = new AsyncDisposableStack();
    const keeper = () => made.keeper ?? refuse();
    const pass: Pass = (request) => keeper().pass(request);
    const exchanged: Doorkeeper["exchanged"] = (exchange) => keeper().exchanged(exchange);
    const http = async (party: "storage" | "s3", port: () => number): Promise<NetworkDoor> =>
      stack.use(await openHttpDoor(party, port, pass, exchanged));
    const storagePort = Number(new URL(services.storageUrl!).port);
    const storage = await http("storage", () => storagePort);
    const s3 = await http("s3", () => servers.s3Port);
    const postgres = stack.use(await openPostgresDoor(servers.postgres.port, pass));
    const databaseUrl = new URL(project.settings.databaseUrl);
    databaseUrl.port = String(postgres.port);
    const host = stack.use(
      await startFunctions({
        workspace: servers.workspace,
        functionsDirectory: FUNCTIONS,
        names: ["holdfast-backup", "holdfast-restore"],
        environment: {
          ...defaultSecrets({
            url: project.url,
            databaseUrl: databaseUrl.href,
            keys: project.keys,
          }),
          ...servers.secrets,
          HOLDFAST_S3_ENDPOINT: `http://127.0.0.1:${s3.port}`,
        },
        deno: "2.9.6",
        mode: "shared",
      }),
    );
    const made = new ProjectFunctions(host, stack.move());
    services.functions = host;
    services.storageUrl = `http://127.0.0.1:${storage.port}`;
    return made;
  }

  /** Kills every process. */
  async kill(): Promise<void> {
    await Promise.all(this.host.names.map((name) => this.host.kill(name)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack.disposeAsync();
  }
}

function refuse(): never {
  throw new Error("no scene is on");
}
