/** The location of a repository, and the check that a run does not change it. */
import type { RepositorySettings } from "../config/environment.ts";
import { HoldfastError } from "../config/errors.ts";

/** The location of a repository. */
export type RepositoryLocation = Pick<RepositorySettings, "endpoint" | "bucket" | "prefix">;

/** What a client needs to reach a repository, except a key: location, region and addressing. */
export type RepositoryAddress =
  & RepositoryLocation
  & Pick<RepositorySettings, "region" | "forcePathStyle">;

/** Picks the location from settings. */
export function locationOf({ endpoint, bucket, prefix }: RepositoryLocation): RepositoryLocation {
  return { endpoint, bucket, prefix };
}

/** Whether two locations are equal. */
export function isSameLocation(one: RepositoryLocation, other: RepositoryLocation): boolean {
  return one.endpoint === other.endpoint && one.bucket === other.bucket &&
    one.prefix === other.prefix;
}

/** The text of a location in errors. */
function nameOfLocation({ endpoint, bucket, prefix }: RepositoryLocation): string {
  return `${bucket}/${prefix} at ${endpoint}`;
}

/**
 * Verifies that the repository's location has not changed since the run started. Secrets can change
 * at any time, and one snapshot must not have its bytes in two repositories.
 *
 * @param began the location in the run's plan; undefined if the plan has none yet
 * @param location the location that the secrets name now
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
