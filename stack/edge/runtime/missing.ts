/** Members of Deno's namespace that Supabase's Edge Runtime does not have. */
const MISSING_IN_DENO = [
  "Command",
  "copyFile",
  "copyFileSync",
  "rename",
  "renameSync",
];

/** Removes APIs that Edge Runtime lacks, so that a function that uses them fails here, too. */
export function removeMissing(): void {
  for (const name of MISSING_IN_DENO) Reflect.deleteProperty(Deno, name);
  Reflect.deleteProperty(globalThis, "Worker");
}
