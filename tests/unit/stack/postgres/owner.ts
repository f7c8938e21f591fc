/**
 * Owns a durable server with a busy connection until it is killed from outside; prints the workspace's
 * folder, the number of the server's shared memory segment, its port, and the settings that it runs
 * with as JSON.
 */
import { join } from "node:path";
import { startPostgres } from "../../../../stack/postgres/cluster.ts";
import { connect } from "../../../../stack/postgres/connection.ts";
import { createWorkspace } from "../../../../stack/process/workspace.ts";

const workspace = await createWorkspace();
const cluster = await startPostgres({
  workspace,
  fsync: true,
  settings: { max_connections: "7", "cluster.quoted": "it's" },
});
const sql = connect(cluster.adminUrl("postgres"));
const [{ folder }] = await sql`select current_setting('data_directory') as folder`;
const [settings] = await sql`select current_setting('fsync') as fsync,
  current_setting('max_connections') as connections, current_setting('cluster.quoted') as quoted`;
// The seventh line holds the key and the number of the segment.
const lock = (await Deno.readTextFile(join(folder, "postmaster.pid"))).split("\n");
const segment = lock[6].trim().split(/\s+/)[1];
console.log(workspace.path, segment, cluster.port, JSON.stringify(settings));
// A busy loop, which does not notice that its server has stopped.
await sql`do ${sql.unsafe("$$ begin loop perform sqrt(2); end loop; end $$")}`;
