/** The stand-in for Storage behind its gateway, over TLS: what a worker and a pass-through read. */
import type { ApiKeys } from "../../../stack/edge/api_keys.ts";
import { type Gateway, startGateway } from "../../../stack/edge/gateway.ts";
import { startStorage, type StorageServer } from "../../../stack/storage/mod.ts";
import { answerQuestions } from "./protocol.ts";
import { serveTls, type TlsFront } from "./tls_front.ts";

/** The options of the server. */
export interface SourceOptions {
  readonly adminUrl: string;
  readonly keys: ApiKeys;
  readonly directory: string;
  readonly tls: { readonly cert: string; readonly key: string };
}

let parts: { storage: StorageServer; gateway: Gateway; front: TlsFront } | undefined;

function started(): StorageServer {
  if (!parts) throw new Error("not started");
  return parts.storage;
}

await answerQuestions({
  start: async ({ adminUrl, keys, directory, tls }: SourceOptions) => {
    const storage = await startStorage({ adminUrl, jwtSecret: keys.jwtSecret, directory });
    const gateway = startGateway(keys, { storageUrl: storage.url });
    const front = serveTls(Number(new URL(gateway.url).port), tls);
    parts = { storage, gateway, front };
    return `https://127.0.0.1:${front.port}`;
  },
  reset: () => started().requests.reset(),
  counts: () => started().requests.counts(),
  records: () => started().requests.records(),
});
await parts?.front.stop();
await parts?.gateway.stop();
await parts?.storage.stop();
