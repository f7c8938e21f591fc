/**
 * The lower bound: each object is passed from one fetch to another without checks. Runs on Deno
 * 2.1.4, too, and imports nothing but the protocol.
 */
import { answerQuestions } from "./protocol.ts";

/** An object to pass on. */
interface Pass {
  readonly get: string;
  readonly put: string;
  readonly size: number;
}

/** The request of the bench. */
export interface PassThroughInput {
  readonly passes: Pass[];
  readonly headers: Record<string, string>;
  /** Bytes and objects at once. */
  readonly limits: { readonly items: number; readonly bytes: number };
}

let given: PassThroughInput | undefined;

await answerQuestions({
  load: (input: PassThroughInput) => void (given = input),
  run: async () => {
    if (!given) throw new Error("nothing is loaded");
    const { passes, headers, limits } = given;
    const workers = Math.max(1, Math.min(limits.items, Math.floor(limits.bytes / passes[0].size)));
    let next = 0;
    async function work() {
      for (let pass = passes[next++]; pass; pass = passes[next++]) await passOn(pass, headers);
    }
    await Promise.all(Array.from({ length: workers }, work));
  },
});

async function passOn({ get, put }: Pass, headers: Record<string, string>): Promise<void> {
  const response = await fetch(get, { headers });
  const answer = await fetch(put, { method: "PUT", body: response.body });
  if (!response.ok || !answer.ok) throw new Error(`${response.status} ${answer.status}`);
  await answer.body?.cancel();
}
