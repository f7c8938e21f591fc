/** Where a repository lies, and that a run keeps to it. */
import type { RepositorySettings } from "../config/environment.ts";
import { HoldfastError } from "../config/errors.ts";

/** Where a repository lies. */
export type RepositoryLocation = Pick<RepositorySettings, "endpoint" | "bucket" | "prefix">;

/** What a client needs beside a key to reach a repository: its place, region and addressing. */
export type RepositoryAddress =
  & RepositoryLocation
  & Pick<RepositorySettings, "region" | "forcePathStyle">;

/** Of settings, where the repository lies. */
export function locationOf({ endpoint, bucket, prefix }: RepositoryLocation): RepositoryLocation {
  return { endpoint, bucket, prefix };
}

/** Whether two places are one. */
export function isSameLocation(one: RepositoryLocation, other: RepositoryLocation): boolean {
  return one.endpoint === other.endpoint && one.bucket === other.bucket &&
    one.prefix === other.prefix;
}

/** A place as errors name it. */
function nameOfLocation({ endpoint, bucket, prefix }: RepositoryLocation): string {
  return `${bucket}/${prefix} at ${endpoint}`;
}

/**
 * Holds a run to the place that it began at: secrets may be changed at any time, and what it copied
 * from then on would lie where nobody looks for it.
 *
 * @param began the place in the run's plan; undefined while the run has none
 * @param place the place that the secrets name now
 * @throws HoldfastError `repository_changed`
 */
export function assertLocationOfRun(
  began: RepositoryLocation | undefined,
  location: RepositoryLocation,
): void {
  if (began === undefined || isSameLocation(began, location)) return;
  throw new HoldfastError(
    "repository_changed",
    `The run began with the repository ${nameOfLocation(began)}, and the secrets name ` +
      `${nameOfLocation(location)} now.`,
  );
}
