import type { ProjectInfo } from "./project.ts";
import type { RepositoryBucket } from "./stack.ts";

/** The started parts of `deno task stack`. */
export interface StackDescription {
  controlUrl: string;
  repository: RepositoryBucket;
  /** The project with Holdfast's migrations and the secrets of the repository. */
  installed: ProjectInfo;
  /** The project without migrations and secrets. */
  empty: ProjectInfo;
  /** The names of the functions that both projects serve. */
  functions: readonly string[];
}

/** Describes the stack to its user, with commands to copy. */
export function describeStack(description: StackDescription): string {
  const { controlUrl, repository, installed, empty, functions } = description;
  const command = (operation: string, input: unknown) =>
    `curl -d '${JSON.stringify(input)}' ${controlUrl}/${operation}`;
  const createKey = "select holdfast.create_key($$operate$$, $$me$$)";
  return `
Project "${installed.name}" (with Holdfast's migrations and secrets)
${describeProject(installed)}

Project "${empty.name}" (without them)
${describeProject(empty)}

Functions of both, below <API URL>/functions/v1/
  ${functions.length === 0 ? "none yet" : functions.join("  ")}

S3, as the secrets that point to an empty bucket
${Object.entries(repository.secrets).map(([name, value]) => `  ${name}=${value}`).join("\n")}

To make a key of Holdfast in "${installed.name}", and to back up with it
  ${command("applySql", { project: installed.name, sql: createKey })}
  curl -X POST -H 'apikey: <the key>' ${installed.url}/functions/v1/holdfast-backup/runs

To apply Holdfast's migrations to "${empty.name}" too, and give it the same secrets
  ${command("migrate", { project: empty.name })}
  ${command("setSecrets", { project: empty.name, secrets: repository.secrets })}

What the functions wrote
  ${command("functionLogs", { project: installed.name })}

Ctrl-C ends all of it and leaves nothing behind.
`;
}

function describeProject(info: ProjectInfo): string {
  return `  API URL         ${info.url}
  secret key      ${info.secretKey}
  publishable key ${info.publishableKey}
  database URL    ${info.databaseUrl}`;
}
