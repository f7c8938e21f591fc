import type { CallWatch } from "../proxy/clients.ts";
import { InvariantViolation } from "../invariants.ts";
import type { SimulatedProject } from "../environment/project.ts";

/** Returns a watch that reports every call that succeeds after its lease was lost. */
export function watchLease(
  { sql }: Pick<SimulatedProject, "sql">,
  report: (broken: InvariantViolation) => void,
): CallWatch {
  return async ({ name, parameters }, send) => {
    const { cursor_id: cursor, owner } = parameters;
    if (cursor === undefined) return await send();
    const held = await sql`
      select from holdfast_private.cursors c join holdfast_private.runs r on r.id = c.run
      where c.id = ${cursor as number} and c.lease_owner = ${owner as string}
        and c.lease_expires_at > clock_timestamp() and c.finished_at is null
        and r.state in ('running', 'sealing')`;
    const result = await send();
    if (held.length === 0) {
      report(new InvariantViolation("fenced", `${name} was carried out without its lease`));
    }
    return result;
  };
}
