/** The body of every error, as Storage v1.70.6 answers it. */
export interface ErrorBody {
  statusCode: string;
  error: string;
  message: string;
  code: string;
}

/**
 * An error answer. Storage sends nearly all of them with HTTP 400 and puts the real status into the
 * body, so this class has two fields for them.
 */
export class StorageError extends Error {
  override readonly name = "StorageError";
  /** The status of the HTTP answer. */
  readonly status: number;
  readonly body: ErrorBody;

  constructor(
    code: string,
    statusCode: number,
    message: string,
    options: { error?: string; status?: number } = {},
  ) {
    super(message);
    this.status = options.status ?? (statusCode === 500 ? 500 : 400);
    this.body = { statusCode: String(statusCode), error: options.error ?? code, message, code };
  }
}

/** The error answers by name, each in Storage's wording. */
export const refusal = {
  noSuchBucket: () =>
    new StorageError("NoSuchBucket", 404, "Bucket not found", { error: "Bucket not found" }),
  noSuchKey: () => new StorageError("NoSuchKey", 404, "Object not found", { error: "not_found" }),
  invalidKey: (name: string) => new StorageError("InvalidKey", 400, `Invalid key: ${name}`),
  invalidBucketName: () =>
    new StorageError("InvalidBucketName", 400, "Bucket name invalid", { error: "Invalid Input" }),
  invalidRequest: (message: string) =>
    new StorageError("InvalidRequest", 400, message, { error: "Error" }),
  invalidParameter: (name: string) =>
    new StorageError("InvalidParameter", 400, `Invalid Parameter ${name}`),
  noContent: (message = "No content provided") => new StorageError("InvalidRequest", 400, message),
  invalidMimeType: (type: string) =>
    new StorageError("InvalidMimeType", 415, `mime type ${type} is not supported`, {
      error: "invalid_mime_type",
    }),
  entityTooLarge: (entity = "object") =>
    new StorageError(
      "EntityTooLarge",
      413,
      `The ${entity} exceeded the maximum allowed size`,
      { error: "Payload too large" },
    ),
  accessDenied: (message: string, status?: number) =>
    new StorageError("AccessDenied", 403, message, { error: "Unauthorized", status }),
  keyAlreadyExists: () =>
    new StorageError("KeyAlreadyExists", 409, "The resource already exists", {
      error: "Duplicate",
    }),
  bucketAlreadyExists: () =>
    new StorageError("BucketAlreadyExists", 409, "The resource already exists", {
      error: "Duplicate",
    }),
  resourceAlreadyExists: () =>
    new StorageError("ResourceAlreadyExists", 409, "The resource already exists", {
      error: "Duplicate",
    }),
  bucketNotEmpty: () =>
    new StorageError(
      "ResourceNotEmpty",
      409,
      "The bucket you tried to delete is not empty",
    ),
  invalidToken: (message: string) => new StorageError("InvalidJWT", 400, message),
  invalidSignature: (message = "Invalid signature") =>
    new StorageError("InvalidSignature", 400, message),
  invalidRange: () =>
    new StorageError("InvalidRange", 416, "invalid range provided", {
      error: "invalid_range",
      status: 416,
    }),
  lockTimeout: () =>
    new StorageError("LockTimeout", 503, "acquiring lock timeout", {
      error: "acquiring_lock_timeout",
    }),
  /** An error of an S3 backend keeps its own name and message. */
  backend: (statusCode: number, name: string, message: string) =>
    new StorageError("S3Error", statusCode, name, { error: message }),
  internal: () =>
    new StorageError("InternalError", 500, "Internal Server Error", { error: "Internal" }),
  noSuchRoute: (method: string, path: string) =>
    new StorageError("InvalidRequest", 404, `Route ${method}:${path} not found`, {
      error: "Not Found",
      status: 404,
    }),
};
