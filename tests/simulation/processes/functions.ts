import { fileURLToPath } from "node:url";
import { type FunctionsHost, startFunctions } from "../../../stack/edge/functions.ts";
import type { GatewayServices } from "../../../stack/edge/gateway.ts";
import { defaultSecrets } from "../../../stack/secrets.ts";
import type { Exchange } from "../proxy/fault_proxy.ts";
import type { SimulatedProject } from "../environment/project.ts";
import type { Servers } from "../environment/servers.ts";
import { openHttpProxy, type Pass } from "./http_proxy.ts";
import type { NetworkProxy } from "./network_proxy.ts";
import { openPostgresProxy } from "./postgres_proxy.ts";

const FUNCTIONS = fileURLToPath(new URL("../../../supabase/functions", import.meta.url));

/** How the proxies handle requests in the open environment. */
export interface ProxyHandler {
  pass: Pass;
  exchanged: (exchange: Omit<Exchange, "step">) => void;
}

/** A project's functions in processes of their own. All their requests pass through proxies. */
export class ProjectFunctions implements AsyncDisposable {
  /** Set by each environment. */
  handler: ProxyHandler | undefined;

  private constructor(readonly host: FunctionsHost, private readonly stack: AsyncDisposableStack) {}

  static async start(
    servers: Servers,
    project: SimulatedProject,
    services: GatewayServices,
  ): Promise<ProjectFunctions> {
    await using stack = new AsyncDisposableStack();
    const handler = () => made.handler ?? refuse();
    const pass: Pass = (request) => handler().pass(request);
    const exchanged: ProxyHandler["exchanged"] = (exchange) => handler().exchanged(exchange);
    const http = async (party: "storage" | "s3", port: () => number): Promise<NetworkProxy> =>
      stack.use(await openHttpProxy(party, port, pass, exchanged));
    const storagePort = Number(new URL(services.storageUrl!).port);
    const storage = await http("storage", () => storagePort);
    const s3 = await http("s3", () => servers.s3Port);
    const postgres = stack.use(await openPostgresProxy(servers.postgres.port, pass));
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
  throw new Error("no environment is open");
}
