import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  UploadPartCommand,
  type UploadPartCommandInput,
} from "@aws-sdk/client-s3";
import type { S3Context } from "./context.ts";

/** The least size of a part other than the last, in bytes. */
export const SMALLEST_PART_BYTES = 5 * 1024 * 1024;

/** An upload of a test. */
export interface TestUpload {
  readonly Bucket: string;
  readonly Key: string;
  readonly UploadId: string;
}

/** Begins an upload at a key of the test. */
export async function beginUpload(
  s3: S3Context,
  name: string,
  options: Partial<CreateMultipartUploadCommandInput> = {},
): Promise<TestUpload> {
  const place = { Bucket: s3.bucket, Key: s3.key(name) };
  const { UploadId } = await s3.client.send(
    new CreateMultipartUploadCommand({ ...place, ...options }),
  );
  if (UploadId === undefined) throw new Error("no UploadId");
  return { ...place, UploadId };
}

/** Sends a part and returns its data for the completion. */
export async function sendPart(
  s3: S3Context,
  upload: TestUpload,
  PartNumber: number,
  Body: Uint8Array,
  options: Partial<UploadPartCommandInput> = {},
): Promise<CompletedPart> {
  const part = { ...upload, PartNumber, Body, ...options };
  const { ETag, ChecksumCRC32 } = await s3.client.send(new UploadPartCommand(part));
  return { PartNumber, ETag, ChecksumCRC32 };
}

/** Completes an upload from these parts. */
export function complete(s3: S3Context, upload: TestUpload, Parts: readonly CompletedPart[]) {
  const parts = { MultipartUpload: { Parts: [...Parts] } };
  return s3.client.send(new CompleteMultipartUploadCommand({ ...upload, ...parts }));
}

/** Bytes that differ between parts. */
export function partBytes(seed: number, bytes = SMALLEST_PART_BYTES): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(4096).map((_, index) => (index * 31 + seed * 17) & 0xff);
  const whole = new Uint8Array(bytes);
  for (let offset = 0; offset < bytes; offset += block.length) {
    whole.set(block.subarray(0, Math.min(block.length, bytes - offset)), offset);
  }
  return whole;
}

/** True for an error of the SDK with this name. */
export function named(name: string): (error: { name?: string }) => boolean {
  return (error) => error.name === name;
}
