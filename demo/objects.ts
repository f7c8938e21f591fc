/** Where an object is. */
export interface Location {
  readonly bucket: string;
  readonly name: string;
}

/** An object that the demo uploads. */
export interface DemoObject extends Location {
  /** Bytes. */
  readonly size: number;
  /** Content type, stored as it is. */
  readonly type: string;
  /** The cache-control header, stored as it is; Storage's own where absent. */
  readonly cacheControl?: string;
  readonly userMetadata?: Readonly<Record<string, unknown>>;
  /** Id of the user who uploads it with a token of their own; the project's secret key where absent. */
  readonly owner?: string;
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

/** An object's place as one text; no bucket's id has a slash. */
export function locationOf({ bucket, name }: Location): string {
  return `${bucket}/${name}`;
}
