import { createHash } from "node:crypto";
import type { Buffer } from "node:buffer";
import { S3Error } from "../errors.ts";
import { type CredentialScope, equalSignatures, scopeText, sign } from "./signature.ts";

const EMPTY_SHA256 = createHash("sha256").digest("hex");

/** Checks the signatures of an aws-chunked body, each of which is made over the one before. */
export class ChunkSigner {
  #previous: string;

  /** `seed` is the signature of the request's headers; `date` their `YYYYMMDDTHHMMSSZ`. */
  constructor(
    readonly key: Buffer,
    readonly date: string,
    readonly scope: CredentialScope,
    seed: string,
  ) {
    this.#previous = seed;
  }

  /** @throws {S3Error} SignatureDoesNotMatch */
  checkChunk(sha256: string, signature: string): void {
    this.#check("AWS4-HMAC-SHA256-PAYLOAD", [EMPTY_SHA256, sha256], signature);
  }

  /** @throws {S3Error} SignatureDoesNotMatch */
  checkTrailer(trailers: ReadonlyMap<string, string>, signature: string): void {
    const text = [...trailers].map(([name, value]) => `${name}:${value}\n`).join("");
    const digest = createHash("sha256").update(text).digest("hex");
    this.#check("AWS4-HMAC-SHA256-TRAILER", [digest], signature);
  }

  #check(algorithm: string, digests: string[], signature: string): void {
    const text = [algorithm, this.date, scopeText(this.scope), this.#previous, ...digests];
    const expected = sign(this.key, text.join("\n"));
    if (!equalSignatures(expected, signature)) throw new S3Error("SignatureDoesNotMatch");
    this.#previous = expected;
  }
}
