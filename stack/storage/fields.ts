import { refusal } from "./errors.ts";

/** Reads typed fields of a JSON body; every method throws StorageError InvalidRequest. */
export class Fields {
  readonly #values: Record<string, unknown>;
  readonly #at: string;

  constructor(values: Record<string, unknown>, at = "body") {
    this.#values = values;
    this.#at = at;
  }

  /** Whether the field is present. JSON's null counts as present. */
  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  isNull(name: string): boolean {
    return this.#values[name] === null;
  }

  string(name: string): string | undefined {
    return this.#typed(name, "string", (value) => typeof value === "string") as string | undefined;
  }

  boolean(name: string): boolean | undefined {
    return this.#typed(name, "boolean", (value) => typeof value === "boolean") as
      | boolean
      | undefined;
  }

  /** An integer, also as text, as Storage's schema validation converts it. */
  integer(name: string, least: number): number | undefined {
    const raw = this.#values[name];
    if (raw === undefined) return undefined;
    const value = typeof raw === "string" && raw.trim() !== "" ? Number(raw) : raw;
    if (!Number.isSafeInteger(value)) {
      throw refusal.invalidRequest(`${this.#at}/${name} must be integer`);
    }
    if ((value as number) < least) {
      throw refusal.invalidRequest(`${this.#at}/${name} must be >= ${least}`);
    }
    return value as number;
  }

  oneOf<Value extends string>(name: string, values: readonly Value[]): Value | undefined {
    const value = this.string(name);
    if (value === undefined || values.includes(value as Value)) return value as Value | undefined;
    throw refusal.invalidRequest(
      `${this.#at}/${name} must be equal to one of the allowed values`,
    );
  }

  object(name: string): Fields | undefined {
    const value = this.#typed(
      name,
      "object",
      (value) => typeof value === "object" && value !== null && !Array.isArray(value),
    );
    return value === undefined
      ? undefined
      : new Fields(value as Record<string, unknown>, `${this.#at}/${name}`);
  }

  /** A list of texts. Storage's schema validation also accepts a single text as a list. */
  strings(name: string): string[] | undefined {
    const single = this.#values[name];
    if (typeof single === "string") return [single];
    const items = this.#typed(name, "array", Array.isArray) as unknown[] | undefined;
    items?.forEach((item, index) => {
      if (typeof item !== "string") {
        throw refusal.invalidRequest(`${this.#at}/${name}/${index} must be string`);
      }
    });
    return items as string[] | undefined;
  }

  /** Returns the value, or throws if it is missing. */
  required<Value>(name: string, value: Value | undefined): Value {
    if (value !== undefined) return value;
    throw refusal.invalidRequest(`${this.#at} must have required property '${name}'`);
  }

  #typed(name: string, type: string, fits: (value: unknown) => boolean): unknown {
    const value = this.#values[name];
    if (value === undefined || fits(value)) return value;
    throw refusal.invalidRequest(`${this.#at}/${name} must be ${type}`);
  }
}
