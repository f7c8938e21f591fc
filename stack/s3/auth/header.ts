import { S3Error } from "../errors.ts";
import { parseScope, type SignatureClaim } from "./claim.ts";
import { payloadKind } from "./payload.ts";
import { ALGORITHM, type SignedRequest } from "./signature.ts";

/**
 * Parses the signature parameters in an Authorization header.
 *
 * @throws {S3Error} AccessDenied if there is none, InvalidRequest, AuthorizationHeaderMalformed
 */
export function parseAuthorization(request: SignedRequest): SignatureClaim {
  const header = request.headers.get("authorization");
  if (header === undefined) throw new S3Error("AccessDenied");
  if (!header.startsWith(`${ALGORITHM} `)) {
    throw new S3Error(
      "InvalidRequest",
      "The authorization mechanism you have provided is not supported. Please use " +
        `${ALGORITHM}.`,
    );
  }
  const fields = new Map(
    header.slice(ALGORITHM.length).split(",").map((field) => {
      const [name, ...value] = field.trim().split("=");
      return [name, value.join("=")];
    }),
  );
  const scope = parseScope(fields.get("Credential") ?? "");
  const signature = fields.get("Signature") ?? "";
  const signedHeaders = fields.get("SignedHeaders") ?? "";
  if (scope === undefined || signature === "" || signedHeaders === "") {
    throw new S3Error("AuthorizationHeaderMalformed");
  }
  const date = request.headers.get("x-amz-date");
  if (date === undefined) {
    throw new S3Error("AccessDenied", "AWS authentication requires a valid x-amz-date header");
  }
  const payloadHash = request.headers.get("x-amz-content-sha256");
  if (payloadHash === undefined) {
    throw new S3Error(
      "InvalidRequest",
      "Missing required header for this request: x-amz-content-sha256",
    );
  }
  payloadKind(payloadHash);
  return { scope, date, signedHeaders: signedHeaders.split(";"), signature, payloadHash };
}
