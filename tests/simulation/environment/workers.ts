/** A function with lanes. */
export type FunctionName = "holdfast-backup" | "holdfast-restore";

/** What runs of a project are to be asked for. */
export type Start =
  | { readonly kind: "backup" }
  | { readonly kind: "import"; readonly takeOver?: boolean }
  | {
    readonly kind: "restore";
    readonly snapshot?: string;
    readonly overwrite?: "never" | "if-changed" | "always";
  };

/** A request that SQL posted. */
export interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Who works for a project: slices in this process, or functions in processes of their own. */
export interface Workers {
  /** Starts a run as the functions' routes do, and works on it; returns at once. */
  start(start: Start): void;
  /** Takes a post as a function does; returns at once. */
  take(post: Post): void;
  /** Waits until nobody works: all have ended, died or fallen asleep. */
  quiet(): Promise<void>;
}
