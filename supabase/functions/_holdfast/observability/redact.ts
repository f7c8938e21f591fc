/**
 * Removes secrets from logs and responses. Servers repeat the request in their errors, and parsers
 * repeat the URL that they could not parse. Therefore all text from outside is redacted.
 */

const HIDDEN = "(hidden)";
/** Shorter secrets are not redacted: they may be common words, such as a local stack's password. */
const MIN_SECRET_CHARACTERS = 10;
/** Not redacted: the local stack's password is a word of many messages. */
const NO_SECRET: ReadonlySet<string> = new Set(["postgres"]);

/** Secrets that are recognized by their form: keys of Holdfast and of projects, tokens, signatures. */
const KEY_FORMS = new RegExp(
  [
    /hf_[a-z]+_[0-9a-f]{12}_[0-9a-f]{64}/,
    /sb_secret_[\w-]{8,}/,
    /eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}/,
    /(?<=Signature(?:=|%3D))[0-9a-f]{64}/,
  ].map(({ source }) => source).join("|"),
  "g",
);

/** Every form of the registered secrets, the longest first. */
let forms: string[] = [];

/**
 * Registers secrets for redaction, in each encoding in which a server may repeat them. Undefined
 * values and secrets below ten characters are ignored.
 */
export function registerSecrets(...secrets: readonly (string | undefined)[]): void {
  const known = new Set(forms);
  for (const secret of secrets) {
    if (!secret || secret.length < MIN_SECRET_CHARACTERS || NO_SECRET.has(secret)) continue;
    if (known.has(secret)) continue;
    for (const form of formsOf(secret)) known.add(form);
  }
  if (known.size > forms.length) forms = [...known].sort((a, b) => b.length - a.length);
}

/** Replaces every registered secret, and every text in the form of a secret, with `(hidden)`. */
export function redact(text: string): string {
  let rest = text;
  for (const form of forms) if (rest.includes(form)) rest = rest.replaceAll(form, HIDDEN);
  return rest.replace(KEY_FORMS, HIDDEN);
}

/** A secret in clear text, as encoded in JSON, XML and URLs, and inside base64 of a longer text. */
function formsOf(secret: string): string[] {
  const bytes = new TextEncoder().encode(secret);
  const inBase64 = [0, 1, 2].flatMap((before) => {
    const text = btoa(String.fromCharCode(...new Uint8Array(before), ...bytes));
    // Only the characters that depend on no byte before or after the secret.
    const core = text.slice(Math.ceil(before * 8 / 6), Math.floor((before + bytes.length) * 8 / 6));
    return [core, core.replaceAll("+", "-").replaceAll("/", "_"), encodeURIComponent(core)];
  });
  const percent = encodeURIComponent(secret);
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeXml(secret),
    percent,
    percent.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    ...inBase64,
  ];
}

function encodeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;").replaceAll("'", "&apos;");
}
