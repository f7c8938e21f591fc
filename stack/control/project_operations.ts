import { z } from "zod";
import { LIMITS } from "../edge/isolate_limits.ts";
import type { Stack } from "../stack.ts";
import { operation } from "./operation.ts";

const name = z.string().regex(/^[a-z][a-z0-9_]{0,40}$/);
const secrets = z.record(z.string(), z.string());

/** A platform's name, custom limits, or `none`. */
const limits = z.union([
  z.literal("none"),
  z.enum(["hosted", "selfHosted"]).transform((platform) => LIMITS[platform]),
  z.strictObject({
    memoryBytes: z.int().positive(),
    cpuMilliseconds: z.int().positive(),
    wallMilliseconds: z.int().positive(),
    unannounced: z.boolean().optional(),
  }),
]);

const options = z.strictObject({
  name: name.optional(),
  cron: z.union([z.boolean(), z.enum(["manual", "pg_cron"])]).optional(),
  net: z.boolean().optional(),
  vault: z.boolean().optional(),
  directory: z.string().optional(),
  migrate: z.boolean().optional(),
  functions: z.array(z.string()).optional(),
  secrets: secrets.optional(),
  deno: z.enum(["2.1.4", "2.9.6"]).optional(),
  mode: z.enum(["shared", "per_post", "in_process"]).optional(),
  limits: limits.optional(),
  cdn: z.boolean().optional(),
});

/** An input with the field `project` and further fields. */
function ofProject<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject({ project: name, ...shape });
}

/** Operations on a project: creation, deletion, secrets and database. */
export const projectOperations = {
  createProject: operation(
    options,
    async (stack, input) => (await stack.createProject(input)).info,
  ),
  acquireProject: operation(
    z.strictObject({ secrets: secrets.optional() }),
    async (stack, input) => (await stack.acquireProject(input.secrets)).info,
  ),
  deleteProject: operation(
    ofProject({}),
    (stack, { project }) => stack.deleteProject(project),
  ),
  projectInfo: operation(ofProject({}), (stack, { project }) => stack.project(project).info),
  setSecrets: operation(
    ofProject({ secrets: z.record(z.string(), z.string().nullable()) }),
    (stack, { project, secrets }) => stack.project(project).setSecrets(secrets),
  ),
  migrate: operation(ofProject({}), (stack, { project }) => stack.project(project).migrate()),
  applySql: operation(
    ofProject({ sql: z.string() }),
    (stack, { project, sql }) => stack.project(project).applySql(sql),
  ),
};

/** Databases without a project around them. */
export const databaseOperations = {
  createDatabase: operation(
    z.strictObject({
      migrate: z.boolean().optional(),
      cron: z.boolean().optional(),
      net: z.boolean().optional(),
      vault: z.boolean().optional(),
    }),
    (stack, options) => stack.createDatabase(options),
  ),
  dropDatabase: operation(
    z.strictObject({ name }),
    (stack, { name }) => stack.postgres.dropDatabase(name),
  ),
};

/** Operations on a project's cron and net workers. */
export const workerOperations = {
  fireCron: operation(
    ofProject({ job: z.string().optional(), at: z.iso.datetime().optional() }),
    (stack, { project, job, at }) =>
      cronOf(stack, project).fire(job, at === undefined ? undefined : new Date(at)),
  ),
  drainNet: operation(ofProject({}), (stack, { project }) => netOf(stack, project).drain()),
  dropNet: operation(
    ofProject({ count: z.int().positive() }),
    (stack, { project, count }) => netOf(stack, project).drop(count),
  ),
};

/** Operations on a project's functions. */
export const functionOperations = {
  functionLogs: operation(
    ofProject({ name: z.string().optional() }),
    (stack, { project, name }) => stack.project(project).parts.functions.logs(name),
  ),
  isolates: operation(
    ofProject({ name: z.string().optional() }),
    (stack, { project, name }) => stack.project(project).parts.functions.isolates(name),
  ),
  warnFunction: operation(
    ofProject({ name: z.string() }),
    (stack, { project, name }) => stack.project(project).parts.functions.warn(name),
  ),
  killFunction: operation(
    ofProject({ name: z.string() }),
    (stack, { project, name }) => stack.project(project).parts.functions.kill(name),
  ),
  setFunctionsMode: operation(
    ofProject({ mode: z.enum(["shared", "per_post"]) }),
    (stack, { project, mode }) => stack.project(project).parts.functions.setMode(mode),
  ),
  setFunctionsLimits: operation(
    ofProject({ limits }),
    (stack, { project, limits }) =>
      stack.project(project).parts.functions.setLimits(limits === "none" ? undefined : limits),
  ),
  functionsIdle: operation(
    ofProject({}),
    (stack, { project }) => stack.project(project).parts.functions.idle(),
  ),
};

function cronOf(stack: Stack, project: string) {
  const { parts: { cron }, info } = stack.project(project);
  if (cron === undefined) {
    throw new RangeError(`the jobs of ${project} cannot be fired: its cron is ${info.cron}`);
  }
  return cron;
}

function netOf(stack: Stack, project: string) {
  const { net } = stack.project(project).parts;
  if (net === undefined) throw new RangeError(`the project ${project} has no net`);
  return net;
}
