/** The bucket and name of an object. */
export interface Location {
  readonly bucket: string;
  readonly name: string;
}

/** An object that the demo uploads. */
export interface DemoObject extends Location {
  /** Bytes. */
  readonly size: number;
  /** Content type, stored unchanged. */
  readonly type: string;
  /** The cache-control header, stored unchanged; Storage's default if absent. */
  readonly cacheControl?: string;
  readonly userMetadata?: Readonly<Record<string, unknown>>;
  /** Id of the user whose token uploads it; if absent, the project's secret key uploads it. */
  readonly owner?: string;
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

/** An object's location as `bucket/name`. It is unambiguous, because a bucket's id has no slash. */
export function locationOf({ bucket, name }: Location): string {
  return `${bucket}/${name}`;
}
