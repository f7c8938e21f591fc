import type { Location } from "./objects.ts";

/** A bucket that the demo creates. A null field means that it has no limit. */
export interface DemoBucket {
  readonly id: string;
  readonly public: boolean;
  /** Bytes. */
  readonly fileSizeLimit: number | null;
  readonly allowedMimeTypes: readonly string[] | null;
}

/** A public bucket without limits. */
export const SITE: DemoBucket = {
  id: "site",
  public: true,
  fileSizeLimit: null,
  allowedMimeTypes: null,
};

/** A private bucket with limits. Storage applies them to the secret key, too. */
export const DOCUMENTS: DemoBucket = {
  id: "private-docs",
  public: false,
  fileSizeLimit: 2_000_000,
  allowedMimeTypes: ["application/json", "text/markdown", "text/plain"],
};

/** The demo's buckets. */
export const BUCKETS: readonly DemoBucket[] = [SITE, DOCUMENTS];

/**
 * Lets each user write below a folder of their own in DOCUMENTS, so that some objects have owners.
 */
export const OWNER_POLICY = `
  create policy "users keep their own files" on storage.objects for all to authenticated
  using (bucket_id = '${DOCUMENTS.id}' and split_part(name, '/', 2) = auth.uid()::text)
  with check (bucket_id = '${DOCUMENTS.id}' and split_part(name, '/', 2) = auth.uid()::text)`;

/** The location of a user's file, at a name that OWNER_POLICY lets the user write. */
export function ownedBy(user: string, file: string): Location {
  return { bucket: DOCUMENTS.id, name: `users/${user}/${file}` };
}

/** The bucket for a file: DOCUMENTS if its limits allow the file, SITE otherwise. */
export function bucketFor(type: string, size: number): DemoBucket {
  const fits = size <= (DOCUMENTS.fileSizeLimit ?? Infinity) &&
    (DOCUMENTS.allowedMimeTypes ?? []).includes(type);
  return fits ? DOCUMENTS : SITE;
}
