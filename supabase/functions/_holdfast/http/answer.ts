/** Answers as JSON. */
import { plainJson } from "../plain.ts";

/** A value as JSON whose names and words from outside give no terminal an order. */
export function answerJson(
  value: unknown,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(plainJson(value), {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}
