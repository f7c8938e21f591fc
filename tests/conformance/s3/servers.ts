/**
 * What servers do differently, each on purpose or by age. A test asserts what its server does,
 * either way: nothing is left unchecked because of an entry in this table.
 */
export interface ServerBehaviour {
  /** CompleteMultipartUpload honours `If-None-Match: *`. */
  readonly conditionalComplete: boolean;
  /** CompleteMultipartUpload answers the object's ETag; else an empty one. */
  readonly completeAnswersEtag: boolean;
  /** `x-amz-checksum-sha256` is verified and kept; else it is ignored. */
  readonly checksums: boolean;
  /** The code for a signed chunk that was changed on its way. */
  readonly changedChunkCode: string;
  /** The code for a key of more than 1,024 bytes. */
  readonly keyTooLongCode: string;
  /** The most bytes of user metadata. */
  readonly metadataBytes: number;
  /** The status of a put with If-Match where there is no object. */
  readonly ifMatchMissingStatus: number;
  /** Bucket names with capitals and underscores are refused. */
  readonly strictBucketNames: boolean;
  /** The LocationConstraint of a bucket in a region. */
  location(region: string): string;
}

const AMAZON: ServerBehaviour = {
  conditionalComplete: true,
  completeAnswersEtag: true,
  checksums: true,
  changedChunkCode: "SignatureDoesNotMatch",
  keyTooLongCode: "KeyTooLongError",
  metadataBytes: 2048,
  ifMatchMissingStatus: 404,
  strictBucketNames: true,
  location: (region) => region === "us-east-1" ? "" : region,
};

/** Servers by the name that HOLDFAST_TEST_S3_SERVER gives; `aws` where it gives none. */
export const SERVERS = {
  aws: AMAZON,
  standin: AMAZON,
  /** Ceph 16.2. */
  radosgw: { ...AMAZON, conditionalComplete: false, completeAnswersEtag: false, checksums: false },
} as const satisfies Record<string, ServerBehaviour>;

/** The names of servers that the suite knows. */
export type ServerName = keyof typeof SERVERS;
