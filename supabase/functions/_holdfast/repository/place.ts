/** Where a repository lies, and that a run keeps to it. */
import type { RepositorySettings } from "../config/environment.ts";
import { HoldfastError } from "../errors.ts";

/** Where a repository lies. */
export type RepositoryPlace = Pick<RepositorySettings, "endpoint" | "bucket" | "prefix">;

/** What a client needs beside a key to reach a repository: its place, region and addressing. */
export type RepositoryAddress =
  & RepositoryPlace
  & Pick<RepositorySettings, "region" | "forcePathStyle">;

/** Of settings, where the repository lies. */
export function placeOf({ endpoint, bucket, prefix }: RepositoryPlace): RepositoryPlace {
  return { endpoint, bucket, prefix };
}

/** Whether two places are one. */
export function isSamePlace(one: RepositoryPlace, other: RepositoryPlace): boolean {
  return one.endpoint === other.endpoint && one.bucket === other.bucket &&
    one.prefix === other.prefix;
}

/** A place as errors name it. */
function nameOfPlace({ endpoint, bucket, prefix }: RepositoryPlace): string {
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
export function assertPlaceOfRun(began: RepositoryPlace | undefined, place: RepositoryPlace): void {
  if (began === undefined || isSamePlace(began, place)) return;
  throw new HoldfastError(
    "repository_changed",
    `The run began with the repository ${nameOfPlace(began)}, and the secrets name ` +
      `${nameOfPlace(place)} now.`,
  );
}
