/**
 * Differences between servers, by design or by age. A test asserts the behaviour of its server in
 * both cases: an entry of this table disables no check.
 */
export interface ServerBehaviour {
  /** Refuses a signature for another region. */
  readonly checksRegion: boolean;
  /** Refuses `x-amz-` headers that the signature does not cover. */
  readonly checksUnsignedHeaders: boolean;
  /** The code for an Authorization header that cannot be read. */
  readonly malformedSignatureCode: string;
  /** The response to a presigned request that is valid for more than a week. */
  readonly longPresigned: readonly [status: number, code: string];
  /** `x-amz-checksum-crc32` is verified and stored; else it is ignored. */
  readonly checksums: boolean;
  /** The code for a key of more than 1,024 bytes. */
  readonly keyTooLongCode: string;
  /** The most bytes of user metadata; undefined if only the size of all headers is limited. */
  readonly metadataBytes: number | undefined;
  /** The status for a range that ends before it begins; 200 if the range is ignored. */
  readonly reversedRangeStatus: number;
  /** CopyObject honours `x-amz-copy-source-if-match`. */
  readonly conditionalCopy: boolean;
  /** CopyObject returns the ETag in quotes. */
  readonly quotedCopyEtag: boolean;
  /** DeleteObjects verifies Content-MD5. */
  readonly verifiesDeletion: boolean;
  /** CompleteMultipartUpload honours `If-None-Match: *`. */
  readonly conditionalComplete: boolean;
  /** CompleteMultipartUpload returns the object's ETag; else an empty one. */
  readonly completeAnswersEtag: boolean;
  /** Parts that completing an upload does not list are left out; else it is InvalidPart. */
  readonly leavesOutParts: boolean;
  /** Parts must be listed in order; else they are sorted. */
  readonly checksPartOrder: boolean;
  /** Part numbers must be from 1 to 10,000. */
  readonly checksPartNumbers: boolean;
  /** The code for completing a missing upload. */
  readonly completeMissingCode: string;
  /** The code for listing the parts of a missing upload. */
  readonly listPartsMissingCode: string;
}

const AMAZON: ServerBehaviour = {
  checksRegion: true,
  checksUnsignedHeaders: true,
  malformedSignatureCode: "AuthorizationHeaderMalformed",
  longPresigned: [400, "AuthorizationQueryParametersError"],
  checksums: true,
  keyTooLongCode: "KeyTooLongError",
  metadataBytes: 2048,
  reversedRangeStatus: 200,
  conditionalCopy: true,
  quotedCopyEtag: true,
  verifiesDeletion: true,
  conditionalComplete: true,
  completeAnswersEtag: true,
  leavesOutParts: true,
  checksPartOrder: true,
  checksPartNumbers: true,
  completeMissingCode: "NoSuchUpload",
  listPartsMissingCode: "NoSuchUpload",
};

/** Ceph 16.2.15, as Debian 12 has it. */
const RADOSGW: ServerBehaviour = {
  checksRegion: false,
  checksUnsignedHeaders: false,
  malformedSignatureCode: "InvalidArgument",
  longPresigned: [403, "AccessDenied"],
  checksums: false,
  keyTooLongCode: "InvalidObjectName",
  metadataBytes: undefined,
  reversedRangeStatus: 416,
  conditionalCopy: false,
  quotedCopyEtag: false,
  verifiesDeletion: false,
  conditionalComplete: false,
  completeAnswersEtag: false,
  leavesOutParts: false,
  checksPartOrder: false,
  checksPartNumbers: false,
  // "This multipart completion is already in progress", with status 500.
  completeMissingCode: "InternalError",
  listPartsMissingCode: "NoSuchKey",
};

/** Servers by the name in HOLDFAST_TEST_S3_SERVER; `aws` by default. */
export const SERVERS = { aws: AMAZON, standin: AMAZON, radosgw: RADOSGW } as const;

/** The names of servers that the suite knows. */
export type ServerName = keyof typeof SERVERS;
