import type { z } from "zod";
import type { Stack } from "../stack.ts";

/** An operation that another process can call. */
export interface Operation<Input extends z.ZodType, Output> {
  input: Input;
  run: (stack: Stack, input: z.output<Input>) => Promise<Output> | Output;
}

/** Creates an operation. The function infers and checks the types of input and output. */
export function operation<Input extends z.ZodType, Output>(
  input: Input,
  run: (stack: Stack, input: z.output<Input>) => Promise<Output> | Output,
): Operation<Input, Output> {
  return { input, run };
}
