import type { ProjectInfo } from "./project.ts";
import type { RepositoryBucket } from "./stack.ts";

/** What `deno task stack` has started. */
export interface StackDescription {
  controlUrl: string;
  repository: RepositoryBucket;
  /** Has Holdfast's migrations and the secrets of the repository. */
  installed: ProjectInfo;
  /** Has neither. */
  empty: ProjectInfo;
  /** The names of the functions that both serve. */
  functions: readonly string[];
}

/** Tells whoever started a stack what there is and how to go on, in commands to copy. */
export function describeStack(description: StackDescription): string {
  const { controlUrl, repository, installed, empty, functions } = description;
  const secrets = { project: empty.name, secrets: repository.secrets };
  return `
Project "${installed.name}" (with Holdfast's migrations and secrets)
${describeProject(installed)}

Project "${empty.name}" (without them)
${describeProject(empty)}

Functions of both, below <API URL>/functions/v1/
  ${functions.length === 0 ? "none yet" : functions.join("  ")}

S3, as the secrets that point to an empty bucket
${Object.entries(repository.secrets).map(([name, value]) => `  ${name}=${value}`).join("\n")}

To apply Holdfast's migrations to "${empty.name}" too, and give it the same secrets
  curl -d '${JSON.stringify({ project: empty.name })}' ${controlUrl}/migrate
  curl -d '${JSON.stringify(secrets)}' ${controlUrl}/setSecrets

To make a key of Holdfast (any SQL client does, with the database URL)
  psql '${installed.databaseUrl}' -c "select holdfast.create_key('operate', 'me')"

What the functions wrote
  curl -d '${JSON.stringify({ project: installed.name })}' ${controlUrl}/functionLogs

Ctrl-C ends all of it and leaves nothing behind.
`;
}

function describeProject(info: ProjectInfo): string {
  return `  API URL         ${info.url}
  secret key      ${info.secretKey}
  publishable key ${info.publishableKey}
  database URL    ${info.databaseUrl}`;
}
