import assert from "node:assert/strict";
import {
  checkFunctionKey,
  createApiKeys,
  type KeyCheck,
  translateKey,
} from "../../../../stack/edge/api_keys.ts";
import { Head } from "../../../../stack/edge/wire/head.ts";

const keys = createApiKeys("unit");
const USER_TOKEN = "a.users.token";

function request(fields: { apikey?: string; authorization?: string }): Head {
  return new Head("GET / HTTP/1.1", Object.entries(fields));
}

function authorization(check: KeyCheck): string | undefined {
  assert.ok("head" in check);
  return check.head.get("authorization");
}

Deno.test("a secret key in any header becomes a token of role service_role", () => {
  for (
    const fields of [
      { apikey: keys.secretKey, authorization: `Bearer ${keys.secretKey}` },
      { apikey: keys.secretKey },
      { authorization: `Bearer ${keys.secretKey}` },
    ]
  ) {
    const checked = translateKey(request(fields), keys);
    assert.equal(authorization(checked), `Bearer ${keys.serviceRoleKey}`);
  }
});

Deno.test("a publishable key becomes a token of role anon, unless there is a user's token", () => {
  const apikey = keys.publishableKey;
  assert.equal(
    authorization(translateKey(request({ apikey, authorization: `Bearer ${apikey}` }), keys)),
    `Bearer ${keys.anonKey}`,
  );
  assert.equal(
    authorization(translateKey(request({ apikey, authorization: `Bearer ${USER_TOKEN}` }), keys)),
    `Bearer ${USER_TOKEN}`,
  );
});

Deno.test("legacy keys and requests without a key are forwarded", () => {
  for (
    const fields of [
      {},
      { authorization: `Bearer ${keys.anonKey}` },
      { apikey: keys.serviceRoleKey, authorization: `Bearer ${keys.serviceRoleKey}` },
    ]
  ) {
    assert.equal(
      authorization(translateKey(request(fields), keys)),
      request(fields).get("authorization"),
    );
  }
});

Deno.test("a key of another project and an unknown key are refused", () => {
  const foreign = createApiKeys("other");
  for (
    const apikey of [foreign.secretKey, foreign.publishableKey, foreign.serviceRoleKey, "nonsense"]
  ) {
    const checked = translateKey(request({ apikey }), keys);
    assert.ok("refusal" in checked);
    assert.equal(checked.refusal.status, 401);
  }
});

Deno.test("functions get every key except an unknown one in Supabase's format", () => {
  const foreign = createApiKeys("other");
  assert.equal(checkFunctionKey(request({ apikey: foreign.secretKey }), keys)?.status, 401);
  for (const apikey of [keys.secretKey, "hf_of_the_functions_own", USER_TOKEN]) {
    assert.equal(checkFunctionKey(request({ apikey }), keys), undefined);
  }
  assert.equal(checkFunctionKey(request({}), keys), undefined);
});
