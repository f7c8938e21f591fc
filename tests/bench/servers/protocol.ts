/**
 * The protocol between the bench and a server in its own process: a line of JSON in, a line of JSON
 * out.
 * Runs on Deno 2.1.4 too, and imports nothing.
 */

/** A request with its input. */
export interface Question {
  readonly name: string;
  readonly input: unknown;
}

/** A response, or the reason of a failure. */
export type Reply = { readonly output: unknown } | { readonly error: string };

/** The handlers of a server's requests, by name. */
// deno-lint-ignore no-explicit-any -- each answer knows its own input; JSON lies between
export type Answers = Record<string, (input: any) => unknown>;

/** The lines of a stream. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest: string[] = [];
  for await (const chunk of stream) {
    const [first = "", ...lines] = decoder.decode(chunk, { stream: true }).split("\n");
    rest.push(first);
    for (const line of lines) {
      yield rest.join("");
      rest = [line];
    }
  }
}

/** Handles requests one after the other until standard input ends. */
export async function answerQuestions(answers: Answers): Promise<void> {
  for await (const line of linesOf(Deno.stdin.readable)) {
    const { name, input }: Question = JSON.parse(line);
    const reply = await replyTo(answers[name], input);
    console.log(JSON.stringify(reply));
  }
}

async function replyTo(answer: Answers[string] | undefined, input: unknown): Promise<Reply> {
  try {
    if (!answer) throw new Error("there is no such question");
    return { output: await answer(input) ?? null };
  } catch (error) {
    return { error: error instanceof Error ? error.stack ?? error.message : String(error) };
  }
}
