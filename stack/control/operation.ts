import type { z } from "zod";
import type { Stack } from "../stack.ts";

/** Something that another process may have the stack do. */
export interface Operation<Input extends z.ZodType, Output> {
  input: Input;
  run: (stack: Stack, input: z.output<Input>) => Promise<Output> | Output;
}

/** Ties the two halves of an operation together, so that their types are checked and kept. */
export function operation<Input extends z.ZodType, Output>(
  input: Input,
  run: (stack: Stack, input: z.output<Input>) => Promise<Output> | Output,
): Operation<Input, Output> {
  return { input, run };
}
