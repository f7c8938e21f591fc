/** Reads and validates environment variables. No other file reads the environment. */
import { z } from "zod";
import { parseIfJson } from "../lib/codecs/json.ts";
import { registerSecrets } from "../observability/redact.ts";
import { faultsOf, invalidSettings } from "./faults.ts";

/** The location of the repository and the credentials for it. */
export interface RepositorySettings {
  /** S3 endpoint without a slash at the end, such as https://s3.eu-central-1.amazonaws.com. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** Prefix in the bucket, without slashes at its ends. */
  readonly prefix: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Whether URLs have the bucket in the path instead of the host name. */
  readonly forcePathStyle: boolean;
}

/** The project that the functions run in. */
export interface ProjectSettings {
  /** SUPABASE_URL, without a slash at the end. */
  readonly url: string;
  /** SUPABASE_DB_URL: direct, as the role that applied the migrations. */
  readonly databaseUrl: string;
  /** A secret key (sb_secret_…) or the legacy service_role key. */
  readonly secretKey: string;
}

const url = z.url({ protocol: /^https?$/, error: "must be an http or https URL" })
  .transform((text) => text.replace(/\/+$/, ""));

/**
 * A URL without credentials, query and fragment. The database stores it in clear text, and requests
 * add a query of their own.
 */
const location = url.refine((text) => {
  const { username, password, search, hash } = new URL(text);
  return username + password + search + hash === "";
}, { error: "may not have a user, a password, a query or a fragment" })
  .refine((text) => !LINK_LOCAL.test(new URL(text).hostname), {
    error: "is a link-local address, where clouds hand out credentials",
  });

/**
 * Link-local addresses, where cloud providers serve a machine's credentials (instance metadata). The
 * URL parser has already normalized other spellings of an address to these.
 */
const LINK_LOCAL =
  /^(169\.254\.|\[fe[89ab][0-9a-f]:|\[::ffff:a9fe:|\[fd00:ec2::254\]|metadata\.google\.internal\.?$)/;

/**
 * Printable ASCII, as S3 servers issue keys. Headers accept no other characters, and an ellipsis
 * means that a placeholder was not replaced.
 */
const accessKey = z.string().regex(/^[\x21-\x7e]+$/, {
  error: "has characters that no access key has",
});

const prefix = z.string()
  .regex(/^[A-Za-z0-9!_.*'()-]+(\/[A-Za-z0-9!_.*'()-]+)*$/, {
    error: "may have letters, digits, ! _ . * ' ( ) - and single slashes between them",
  })
  .refine((text) => !text.split("/").some((part) => part === "." || part === ".."), {
    error: "may not have . or .. as a part",
  });

const required = z.string({ error: "is not set" }).min(1, { error: "is empty" });

const repositorySchema = z.object({
  HOLDFAST_S3_ENDPOINT: required.pipe(location),
  HOLDFAST_S3_REGION: z.string().regex(/^[A-Za-z0-9._-]+$/, { error: "is not a region's name" })
    .default("us-east-1"),
  HOLDFAST_S3_BUCKET: required.pipe(
    z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$/, { error: "is not a bucket name" }),
  ),
  HOLDFAST_S3_PREFIX: prefix.default("holdfast"),
  HOLDFAST_S3_ACCESS_KEY_ID: required.pipe(accessKey),
  HOLDFAST_S3_SECRET_ACCESS_KEY: required.pipe(accessKey),
  HOLDFAST_S3_FORCE_PATH_STYLE: z.enum(["true", "false"], { error: "must be true or false" })
    .optional(),
});

const projectSchema = z.object({
  SUPABASE_URL: required.pipe(location),
  SUPABASE_DB_URL: required.refine(isDatabaseUrl, {
    error: "is not a URL: in its password # / ? and % have to be percent-encoded",
  }),
  SUPABASE_SECRET_KEYS: z.string().optional(),
  SUPABASE_SERVICE_ROLE_KEY: z.string().optional(),
});

/** Whether the Postgres client can parse the URL. The client's own error would show the password. */
function isDatabaseUrl(text: string): boolean {
  try {
    const { protocol, username, password, hostname, hash } = new URL(text);
    decodeURIComponent(password);
    return /^postgres(ql)?:$/.test(protocol) && username !== "" && hostname !== "" && hash === "";
  } catch {
    return false;
  }
}

const budgetSchema = z.object({
  HOLDFAST_CPU_MILLISECONDS: z.coerce.number({ error: "is not a number" })
    .int({ error: "is not a whole number" })
    // Loading the function alone takes about 100 ms.
    .min(200, { error: "is below 200" }).max(60_000, { error: "is above 60000" }).optional(),
});

/** Reads one variable; undefined if it is not set. */
export type Environment = (name: string) => string | undefined;

/** The variables of this process. */
export const runtimeEnvironment: Environment = (name) => Deno.env.get(name);

/**
 * Reads the repository's settings from HOLDFAST_S3_…, and registers the keys for redaction.
 *
 * @throws HoldfastError `settings_invalid`, which names every wrong variable but no value
 */
export function readRepositorySettings(
  environment: Environment,
): RepositorySettings {
  const value = check(repositorySchema, environment);
  const endpoint = value.HOLDFAST_S3_ENDPOINT;
  registerSecrets(value.HOLDFAST_S3_ACCESS_KEY_ID, value.HOLDFAST_S3_SECRET_ACCESS_KEY);
  const { hostname } = new URL(endpoint);
  // Amazon S3 requires the bucket in the host name. Nearly all other servers accept it in the path.
  const forcePathStyle = value.HOLDFAST_S3_FORCE_PATH_STYLE === undefined
    ? !hostname.endsWith(".amazonaws.com")
    : value.HOLDFAST_S3_FORCE_PATH_STYLE === "true";
  if (!forcePathStyle && LINK_LOCAL.test(`${value.HOLDFAST_S3_BUCKET.toLowerCase()}.${hostname}`)) {
    throw invalidSettings([{
      path: "HOLDFAST_S3_BUCKET",
      message: "makes a link-local address of the host",
    }]);
  }
  return {
    endpoint,
    region: value.HOLDFAST_S3_REGION,
    bucket: value.HOLDFAST_S3_BUCKET,
    prefix: value.HOLDFAST_S3_PREFIX,
    accessKeyId: value.HOLDFAST_S3_ACCESS_KEY_ID,
    secretAccessKey: value.HOLDFAST_S3_SECRET_ACCESS_KEY,
    forcePathStyle,
  };
}

/**
 * Reads the CPU budget of an isolate in milliseconds. It is set only on a platform whose limit
 * differs from Supabase's.
 *
 * @throws HoldfastError `settings_invalid`, which names the variable
 */
export function readBudgetSettings(
  environment: Environment,
): { readonly cpuMilliseconds?: number | undefined } {
  return { cpuMilliseconds: check(budgetSchema, environment).HOLDFAST_CPU_MILLISECONDS };
}

/**
 * Reads the project's settings, which the platform provides, and registers its secrets for redaction.
 *
 * @throws HoldfastError `settings_invalid`, which names every wrong variable but no value
 */
export function readProjectSettings(
  environment: Environment,
): ProjectSettings {
  const value = check(projectSchema, environment);
  const secretKey = firstSecretKey(value.SUPABASE_SECRET_KEYS) || value.SUPABASE_SERVICE_ROLE_KEY;
  const { password } = new URL(value.SUPABASE_DB_URL);
  registerSecrets(
    secretKey,
    value.SUPABASE_SERVICE_ROLE_KEY,
    password,
    decodeURIComponent(password),
  );
  if (!secretKey) {
    throw invalidSettings([{
      path: "SUPABASE_SECRET_KEYS",
      message: "holds no secret key, and SUPABASE_SERVICE_ROLE_KEY is not set either",
    }]);
  }
  return { url: value.SUPABASE_URL, databaseUrl: value.SUPABASE_DB_URL, secretKey };
}

/** Picks a key from a JSON object of keys by name: `default`, else the first; undefined if empty. */
function firstSecretKey(json: string | undefined): string | undefined {
  if (!json) return undefined;
  const keys = z.record(z.string(), z.string()).safeParse(parseIfJson(json));
  if (!keys.success) {
    throw invalidSettings([{
      path: "SUPABASE_SECRET_KEYS",
      message: "is not a JSON object of keys",
    }]);
  }
  return keys.data["default"] ?? Object.values(keys.data)[0];
}

function check<Schema extends z.ZodObject>(
  schema: Schema,
  environment: Environment,
): z.output<Schema> {
  const values = Object.fromEntries(
    Object.keys(schema.shape).map((name) => [name, environment(name)?.trim() || undefined]),
  );
  const result = schema.safeParse(values);
  if (result.success) return result.data;
  throw invalidSettings(faultsOf(result.error));
}
