/** A function with workers. */
export type FunctionName = "holdfast-backup" | "holdfast-restore";

/** The run to start. */
export type Start =
  | { readonly kind: "backup" }
  | { readonly kind: "import"; readonly takeOver?: boolean }
  | {
    readonly kind: "restore";
    readonly snapshot?: string;
    readonly overwrite?: "never" | "if_changed" | "always";
  };

/** A request that SQL posted through pg_net. */
export interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The workers of a project: slices in this process, or functions in processes of their own. */
export interface Workers {
  /** Starts a run as the functions' routes do, and works on it; returns at once. */
  start(start: Start): void;
  /** Handles a post as a function does; returns at once. */
  take(post: Post): void;
  /** Waits until no worker is active: all have ended, crashed or are delayed. */
  quiet(): Promise<void>;
}
