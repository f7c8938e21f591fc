import assert from "node:assert/strict";
import fc from "fast-check";
import { TokenBucket } from "../../../../../../supabase/functions/_holdfast/lib/concurrency/token_bucket.ts";
import { createRateLimiter } from "../../../../../../supabase/functions/_holdfast/lib/concurrency/rate_limiter.ts";
import { TestClock } from "../../../test_clock.ts";

const NONE = { bytes_per_second: null, requests_per_second: null };

Deno.test("in any period, at most the rate plus a burst of one second is started", () => {
  const amounts = fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 60 });
  fc.assert(fc.property(amounts, fc.integer({ min: 1, max: 2_000 }), (all, perSecond) => {
    const clock = new TestClock();
    const bucket = new TokenBucket(() => clock.now());
    bucket.setRate(perSecond);
    const from = clock.now();
    let taken = 0;
    for (const amount of all) {
      for (let wait = bucket.waitMs(); wait > 0; wait = bucket.waitMs()) clock.advance(wait);
      // At this time all earlier amounts are within the rate.
      const allowed = perSecond * (1 + (clock.now() - from) / 1000);
      assert.ok(taken <= allowed + 1e-6, `${taken} of ${allowed}`);
      bucket.take(amount);
      taken += amount;
    }
    // The waits are no longer than the rate requires.
    assert.ok(clock.now() - from <= 1000 * taken / perSecond + 2 * all.length);
  }));
});

Deno.test("without a rate nothing waits, and earlier reads are not charged later", () => {
  const clock = new TestClock();
  const bucket = new TokenBucket(() => clock.now());
  bucket.take(1e12);
  assert.equal(bucket.waitMs(), 0);
  bucket.setRate(10);
  assert.equal(bucket.waitMs(), 0);
  bucket.take(20);
  assert.equal(bucket.waitMs(), 1_001);
  bucket.setRate(20);
  assert.equal(bucket.waitMs(), 501, "a debt stays one");
  bucket.setRate(null);
  assert.equal(bucket.waitMs(), 0);
});

Deno.test("the request and the received bytes count, not the expected bytes", () => {
  const clock = new TestClock();
  const rateLimiter = createRateLimiter(32, clock);
  rateLimiter.setRates({ bytes_per_second: 1_000, requests_per_second: 10 });
  const short = rateLimiter.sent(5_000);
  assert.ok(rateLimiter.waitMs() > 4_000, "what is expected holds others back at once");
  short(0);
  assert.equal(rateLimiter.waitMs(), 0);
  rateLimiter.sent(0)(3_000);
  assert.equal(rateLimiter.waitMs(), 2_001);
  clock.advance(2_001);
  assert.equal(rateLimiter.waitMs(), 0);
  for (let request = 0; request < 10; request++) rateLimiter.sent(0)(0);
  assert.ok(rateLimiter.waitMs() > 0);
});

Deno.test("bytes read are reported once, without the bytes that were taken back", () => {
  const rateLimiter = createRateLimiter(32, new TestClock());
  rateLimiter.sent(10)(10);
  rateLimiter.sent(10)(90);
  rateLimiter.countRead(-30);
  assert.equal(rateLimiter.takeBytesRead(), 70);
  assert.equal(rateLimiter.takeBytesRead(), 0);
});

Deno.test("a wait ends when the rates allow the request, or when the caller gives up", async () => {
  const clock = new TestClock();
  const rateLimiter = createRateLimiter(32, clock);
  rateLimiter.setRates({ ...NONE, requests_per_second: 1 });
  rateLimiter.sent(0)(0);
  rateLimiter.sent(0)(0);
  let asked = 0;
  const wait = rateLimiter.waitMs();
  await rateLimiter.waitForRate(() => {
    asked++;
    return false;
  });
  assert.equal(rateLimiter.waitMs(), 0);
  assert.ok(asked >= 3, `${asked}`);
  assert.equal(clock.waits.reduce((sum, ms) => sum + ms), wait);
  rateLimiter.sent(0)(0);
  rateLimiter.sent(0)(0);
  await rateLimiter.waitForRate(() => true);
  assert.ok(rateLimiter.waitMs() > 0);
});
