/**
 * Keeps secrets out of what is written and answered. Servers repeat in their refusals what they were
 * sent, and errors the URL that they could not read: whatever words come from outside pass here.
 */

const HIDDEN = "(hidden)";
/** A shorter text is a word that may stand anywhere, such as a local stack's password. */
const MIN_SECRET_CHARACTERS = 10;
/** The local stack's password, and a word of many messages. */
const NO_SECRET: ReadonlySet<string> = new Set(["postgres"]);

/** What is a secret by its form, whoever's it is: keys of Holdfast and of a project, tokens, signatures. */
const KEY_FORMS = new RegExp(
  [
    /hf_[a-z]+_[0-9a-f]{12}_[0-9a-f]{64}/,
    /sb_secret_[\w-]{8,}/,
    /eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}/,
    /(?<=Signature(?:=|%3D))[0-9a-f]{64}/,
  ].map(({ source }) => source).join("|"),
  "g",
);

/** Forms of the secrets that this isolate was given, the longest first. */
let forms: string[] = [];

/** Has secrets hidden from now on, in each form in which a server may repeat them. */
export function registerSecrets(...secrets: readonly (string | undefined)[]): void {
  const known = new Set(forms);
  for (const secret of secrets) {
    if (!secret || secret.length < MIN_SECRET_CHARACTERS || NO_SECRET.has(secret)) continue;
    if (known.has(secret)) continue;
    for (const form of formsOf(secret)) known.add(form);
  }
  if (known.size > forms.length) forms = [...known].sort((a, b) => b.length - a.length);
}

/** A text without any secret that is known or that has the form of one. */
export function redact(text: string): string {
  let rest = text;
  for (const form of forms) if (rest.includes(form)) rest = rest.replaceAll(form, HIDDEN);
  return rest.replace(KEY_FORMS, HIDDEN);
}

/** A secret as it is, as texts of JSON, XML and URLs have it, and within base64 of a longer text. */
function formsOf(secret: string): string[] {
  const bytes = new TextEncoder().encode(secret);
  const inBase64 = [0, 1, 2].flatMap((before) => {
    const text = btoa(String.fromCharCode(...new Uint8Array(before), ...bytes));
    // The characters that no byte before or behind the secret has a part in.
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
