import type { StackClient } from "../stack/client.ts";
import type { Output } from "../stack/control/operations.ts";
import { connect } from "../stack/postgres/connection.ts";
import type { ProjectClient } from "../stack/project_client.ts";
import type { Progress } from "./screen.ts";

/** A bucket off site, and the secrets that point Holdfast to it. */
export type RepositoryBucket = Output<"createRepositoryBucket">;

/** Two projects and the one repository that both know. */
export interface Scene {
  readonly stack: StackClient;
  /** Is backed up. */
  readonly source: ProjectClient;
  /** Is restored into. Its key for the repository may only read. */
  readonly target: ProjectClient;
  readonly repository: RepositoryBucket;
}

/** What starting the scene is done in. */
const STEPS = 3;

/**
 * Starts a stack by `start`, and on it two projects with Holdfast installed and nothing in them.
 */
export async function setScene(
  start: () => Promise<StackClient>,
  progress: Progress,
): Promise<Scene> {
  progress.expect(STEPS);
  const stack = await start();
  progress.advance();
  const repository = await stack.createRepositoryBucket();
  const source = await stack.createProject({ secrets: repository.secrets });
  progress.advance();
  const { secrets } = await stack.call("repositoryBucket", {
    bucket: repository.bucket,
    permissions: "read",
  });
  const target = await stack.createProject({ secrets });
  progress.advance();
  return { stack, source, target, repository };
}

/** Makes a key of Holdfast as its admin does, in SQL. */
export async function createKey(project: ProjectClient, scope: string): Promise<string> {
  await using sql = connect(project.info.databaseUrl);
  const [row] = await sql<{ key: string }[]>`
    select holdfast.create_key(${scope}, ${`demo ${scope}`}) as key`;
  if (!row) throw new Error("create_key answered no row");
  return row.key;
}
