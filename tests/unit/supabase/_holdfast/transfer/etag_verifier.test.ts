import assert from "node:assert/strict";
import { createEtagVerifier } from "../../../../../supabase/functions/_holdfast/transfer/etag_verifier.ts";

/** MD5s as PostgreSQL's md5() gives them. */
const MD5_OF_RIGHT = "7c4f29407893c334a6cb7a87bf045c0d";
const NO_MD5 = "0123456789abcdef0123456789abcdef";

const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("bytes are right if their MD5 is the etag, else corrupted", () => {
  const isCorrupted = createEtagVerifier("http://kong:8000")();
  assert.equal(isCorrupted(MD5_OF_RIGHT, encode("right")), false);
  assert.equal(isCorrupted(MD5_OF_RIGHT, encode("wrong")), true);
});

Deno.test("an etag without the form of an MD5 verifies nothing", () => {
  const isCorrupted = createEtagVerifier("http://kong:8000")();
  for (const etag of [`${MD5_OF_RIGHT}-2`, "", "e1", MD5_OF_RIGHT.slice(1), "177f8e0c2-1a"]) {
    assert.equal(isCorrupted(etag, encode("wrong")), false, etag);
  }
});

Deno.test("over https etags are not verified", () => {
  const isCorrupted = createEtagVerifier("https://project.supabase.co")();
  assert.equal(isCorrupted(MD5_OF_RIGHT, encode("wrong")), false);
});

Deno.test("two equal reads are accepted, and reads of one object do not affect another", () => {
  const ofObject = createEtagVerifier("http://kong:8000");
  const [one, other] = [ofObject(), ofObject()];
  assert.equal(one(NO_MD5, encode("bytes")), true);
  assert.equal(other(NO_MD5, encode("bytes")), true);
  assert.equal(one(NO_MD5, encode("bytes")), false);
});

Deno.test("if etags are not MD5s, no further object is read twice", () => {
  const ofObject = createEtagVerifier("http://kong:8000");
  const first = ofObject();
  assert.deepEqual([first(NO_MD5, encode("a")), first(NO_MD5, encode("a"))], [true, false]);
  assert.equal(ofObject()(NO_MD5, encode("b")), false);
});

Deno.test("after one MD5 etag, a single other etag does not end the verification", () => {
  const ofObject = createEtagVerifier("http://kong:8000");
  assert.equal(ofObject()(MD5_OF_RIGHT, encode("right")), false);
  const odd = ofObject();
  assert.deepEqual([odd(NO_MD5, encode("a")), odd(NO_MD5, encode("a"))], [true, false]);
  assert.equal(ofObject()(MD5_OF_RIGHT, encode("wrong")), true);
});
