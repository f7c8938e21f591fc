import type { Location } from "./objects.ts";

/** A bucket that the demo makes; null means no limit. */
export interface DemoBucket {
  readonly id: string;
  readonly public: boolean;
  /** Bytes. */
  readonly fileSizeLimit: number | null;
  readonly allowedMimeTypes: readonly string[] | null;
}

/** Public, takes anything. */
export const SITE: DemoBucket = {
  id: "site",
  public: true,
  fileSizeLimit: null,
  allowedMimeTypes: null,
};

/** Private and with limits, which bind the service key too. */
export const DOCUMENTS: DemoBucket = {
  id: "private-docs",
  public: false,
  fileSizeLimit: 2_000_000,
  allowedMimeTypes: ["application/json", "text/markdown", "text/plain"],
};

/** The demo's buckets. */
export const BUCKETS: readonly DemoBucket[] = [SITE, DOCUMENTS];

/** Lets users keep files below a folder of their own among the documents, so that files have owners. */
export const OWNER_POLICY = `
  create policy "users keep their own files" on storage.objects for all to authenticated
  using (bucket_id = '${DOCUMENTS.id}' and split_part(name, '/', 2) = auth.uid()::text)
  with check (bucket_id = '${DOCUMENTS.id}' and split_part(name, '/', 2) = auth.uid()::text)`;

/** The name of an object of a user that OWNER_POLICY lets them write. */
export function ownedBy(user: string, file: string): Location {
  return { bucket: DOCUMENTS.id, name: `users/${user}/${file}` };
}

/** The bucket for a file: among the documents what these take, all else on the site. */
export function bucketFor(type: string, size: number): DemoBucket {
  const fits = size <= (DOCUMENTS.fileSizeLimit ?? Infinity) &&
    (DOCUMENTS.allowedMimeTypes ?? []).includes(type);
  return fits ? DOCUMENTS : SITE;
}
