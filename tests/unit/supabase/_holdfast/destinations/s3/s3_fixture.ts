import assert from "node:assert/strict";
import { HoldfastError } from "../../../../../../supabase/functions/_holdfast/config/errors.ts";
import { createS3Store } from "../../../../../../supabase/functions/_holdfast/destinations/s3/store.ts";
import type { RepositorySettings } from "../../../../../../supabase/functions/_holdfast/config/environment.ts";
import { type Answer, FakeTransport } from "../../../fake_transport.ts";

/** The settings of a bucket on a server with the test's responses. */
export const SETTINGS: RepositorySettings = {
  endpoint: "https://s3.example.com",
  region: "eu-central-1",
  bucket: "backups",
  prefix: "team/holdfast",
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "the-secret-of-this-test",
  forcePathStyle: true,
};

/** A store whose server gives these responses in order, with its clock and the sent requests. */
export function open(settings: Partial<RepositorySettings>, ...answers: Answer[]) {
  const transport = new FakeTransport(...answers);
  const { clock, sent } = transport;
  return { store: createS3Store({ ...SETTINGS, ...settings }, transport), clock, sent };
}

/** An error response of S3. */
export function xml(status: number, code: string, headers: Record<string, string> = {}): Response {
  const body = `<?xml version="1.0"?>\n<Error><Code>${code}</Code><Message>why</Message></Error>`;
  return new Response(body, { status, headers });
}

/** Asserts an error with this code, which must not contain the secret. */
export async function refused(
  act: () => Promise<unknown>,
  code: string,
  message?: RegExp,
): Promise<void> {
  await assert.rejects(act, (error) => {
    assert.ok(error instanceof HoldfastError, String(error));
    assert.equal(error.code, code);
    assert.ok(!Deno.inspect(error).includes(SETTINGS.secretAccessKey));
    if (message) assert.match(error.message, message);
    return true;
  });
}
