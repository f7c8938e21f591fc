import assert from "node:assert/strict";
import { createEtagVerifier } from "../../../../../supabase/functions/_holdfast/transfer/etag_verifier.ts";

/** MD5s as PostgreSQL's md5() gives them. */
const MD5_OF_RIGHT = "7c4f29407893c334a6cb7a87bf045c0d";
const NO_MD5 = "0123456789abcdef0123456789abcdef";

const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("bytes are right whose MD5 their etag is, and corrupted otherwise", () => {
  const isCorrupted = createEtagVerifier("http://kong:8000")();
  assert.equal(isCorrupted(MD5_OF_RIGHT, encode("right")), false);
  assert.equal(isCorrupted(MD5_OF_RIGHT, encode("wrong")), true);
});

Deno.test("an etag that is no MD5 by its looks says nothing", () => {
  const isCorrupted = createEtagVerifier("http://kong:8000")();
  for (const etag of [`${MD5_OF_RIGHT}-2`, "", "e1", MD5_OF_RIGHT.slice(1), "177f8e0c2-1a"]) {
    assert.equal(isCorrupted(etag, encode("wrong")), false, etag);
  }
});

Deno.test("over https nobody looks", () => {
  const isCorrupted = createEtagVerifier("https://project.supabase.co")();
  assert.equal(isCorrupted(MD5_OF_RIGHT, encode("wrong")), false);
});

Deno.test("what comes twice alike is believed, and one object's reads say nothing of another's", () => {
  const ofObject = createEtagVerifier("http://kong:8000");
  const [one, other] = [ofObject(), ofObject()];
  assert.equal(one(NO_MD5, encode("bytes")), true);
  assert.equal(other(NO_MD5, encode("bytes")), true);
  assert.equal(one(NO_MD5, encode("bytes")), false);
});

Deno.test("where etags are no MD5s, no further object is read twice", () => {
  const ofObject = createEtagVerifier("http://kong:8000");
  const first = ofObject();
  assert.deepEqual([first(NO_MD5, encode("a")), first(NO_MD5, encode("a"))], [true, false]);
  assert.equal(ofObject()(NO_MD5, encode("b")), false);
});

Deno.test("where one was an MD5, a single one that is none does not end the looking", () => {
  const ofObject = createEtagVerifier("http://kong:8000");
  assert.equal(ofObject()(MD5_OF_RIGHT, encode("right")), false);
  const odd = ofObject();
  assert.deepEqual([odd(NO_MD5, encode("a")), odd(NO_MD5, encode("a"))], [true, false]);
  assert.equal(ofObject()(MD5_OF_RIGHT, encode("wrong")), true);
});
