import type { StackClient } from "../stack/client.ts";
import type { Output } from "../stack/control/operations.ts";
import { connect } from "../stack/postgres/connection.ts";
import type { ProjectClient } from "../stack/project_client.ts";
import type { Progress } from "./screen.ts";

/** An off-site bucket, and the secrets that configure Holdfast to use it. */
export type RepositoryBucket = Output<"createRepositoryBucket">;

/** Two projects and the repository that both use. */
export interface Scene {
  readonly stack: StackClient;
  /** The project that is backed up. */
  readonly source: ProjectClient;
  /** The project that is restored into. Its key for the repository has read access only. */
  readonly target: ProjectClient;
  readonly repository: RepositoryBucket;
}

/** Number of progress steps of {@link setScene}. */
const STEPS = 3;

/** Starts a stack with `start`, and creates two empty projects on it with Holdfast installed. */
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

/** Creates a Holdfast key in SQL, as an admin of the project does. */
export async function createKey(project: ProjectClient, scope: string): Promise<string> {
  await using sql = connect(project.info.databaseUrl);
  const [row] = await sql<{ key: string }[]>`
    select holdfast.create_key(${scope}, ${`demo ${scope}`}) as key`;
  if (!row) throw new Error("create_key answered no row");
  return row.key;
}
