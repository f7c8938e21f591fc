/** Where a repository lies, and that a run keeps to it. */
import type { Lease } from "../engine/types.ts";
import { HoldfastError } from "../errors.ts";
import type { RepositorySettings } from "../settings.ts";

/** Where a repository lies. */
export type Place = Pick<RepositorySettings, "endpoint" | "bucket" | "prefix">;

/** Of settings, where the repository lies. */
export function placeOf({ endpoint, bucket, prefix }: Place): Place {
  return { endpoint, bucket, prefix };
}

/** Whether two places are one. */
export function isSamePlace(one: Place, other: Place): boolean {
  return one.endpoint === other.endpoint && one.bucket === other.bucket &&
    one.prefix === other.prefix;
}

/** A place as errors name it. */
function nameOfPlace({ endpoint, bucket, prefix }: Place): string {
  return `${bucket}/${prefix} at ${endpoint}`;
}

/**
 * Holds a run to the place that it began at: secrets may be changed at any time, and what it copied
 * from then on would lie where nobody looks for it.
 * @throws HoldfastError `repository_changed`
 */
export function assertPlaceOfRun({ plan }: Pick<Lease, "plan">, place: Place): void {
  const began = plan["place"] as Place | undefined;
  if (began === undefined || isSamePlace(began, place)) return;
  throw new HoldfastError(
    "repository_changed",
    `The run began with the repository ${nameOfPlace(began)}, and the secrets name ` +
      `${nameOfPlace(place)} now.`,
  );
}
