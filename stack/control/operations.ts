import { z } from "zod";
import { operation } from "./operation.ts";
import {
  databaseOperations,
  functionOperations,
  projectOperations,
  workerOperations,
} from "./project_operations.ts";
import { s3Operations } from "./s3_operations.ts";
import { storageOperations } from "./storage_operations.ts";

/** All that other processes may have the stack do, by the name under which they ask for it. */
export const operations = {
  stackInfo: operation(z.strictObject({}), (stack) => ({
    /** The folder of everything that the stack has on the disk. */
    folder: stack.workspace.path,
    postgresMajorVersion: stack.postgres.majorVersion,
    hasPgCron: stack.postgres.hasPgCron,
    s3Endpoint: stack.s3.endpoint,
    projects: stack.projectNames,
  })),
  restartPostgres: operation(
    z.strictObject({ mode: z.enum(["fast", "immediate"]).optional() }),
    (stack, { mode }) => stack.postgres.restart(mode),
  ),
  ...projectOperations,
  ...databaseOperations,
  ...workerOperations,
  ...functionOperations,
  ...storageOperations,
  ...s3Operations,
};

export type Operations = typeof operations;
export type OperationName = keyof Operations;

/** What an operation takes. */
export type Input<Name extends OperationName> = z.input<Operations[Name]["input"]>;

/** What it gives back; all of it goes over the wire as JSON. */
export type Output<Name extends OperationName> = Awaited<ReturnType<Operations[Name]["run"]>>;
