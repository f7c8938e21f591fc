import { type CredentialScope, SCOPE_END } from "./signature.ts";

/** A request's signature parameters, from its header or its query. */
export interface SignatureClaim {
  readonly scope: CredentialScope;
  /** `YYYYMMDDTHHMMSSZ` */
  readonly date: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** The body's hash or placeholder in the signature. */
  readonly payloadHash: string;
  /** Validity of a presigned request in seconds; absent for headers. */
  readonly expiresSeconds?: number;
}

/** `<access key id>/<YYYYMMDD>/<region>/<service>/aws4_request` */
export function parseScope(text: string): CredentialScope | undefined {
  const [accessKeyId, date, region, service, end, ...others] = text.split("/");
  const wellFormed = /^\d{8}$/.test(date ?? "") && end === SCOPE_END && others.length === 0;
  return wellFormed ? { accessKeyId, date, region, service } : undefined;
}
