/** Owns a workspace with a running process until it is killed from outside; prints its folder. */
import { createWorkspace } from "../../../../stack/process/workspace.ts";

const token = Deno.args[0];
const workspace = await createWorkspace();
const process = workspace.spawn("sleeper", {
  command: "sh",
  args: ["-c", `trap '' TERM INT HUP; sleep 600 & echo up; wait; : ${token}`],
});
await process.waitForLine(/^up$/);
console.log(workspace.path);
await process.status;
