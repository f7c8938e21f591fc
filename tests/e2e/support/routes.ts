/** The folder of functions. */
const FUNCTIONS = new URL("../../../supabase/functions/", import.meta.url);

/** An id that no run has. */
export const NO_RUN = "00000000-0000-4000-8000-000000000000";

interface App {
  routes: { method: string; path: string }[];
}

/** Every route of every function, as `METHOD function/path`, asked of the functions themselves. */
export async function routesServed(): Promise<string[]> {
  const names = [...Deno.readDirSync(FUNCTIONS)].map(({ name }) => name)
    .filter((name) => name.startsWith("holdfast-"));
  const apps = await loadApps(names);
  return apps.flatMap(({ routes }) =>
    routes.map(({ method, path }) => `${method} ${path.slice(1)}`)
  );
}

/** Loads functions without having them serve. */
async function loadApps(names: string[]): Promise<App[]> {
  const serve = Object.getOwnPropertyDescriptor(Deno, "serve")!;
  Object.defineProperty(Deno, "serve", { configurable: true, value: () => {} });
  try {
    const modules = names.map((name) => import(new URL(`${name}/index.ts`, FUNCTIONS).href));
    return (await Promise.all(modules)).map(({ app }) => app);
  } finally {
    Object.defineProperty(Deno, "serve", serve);
  }
}
