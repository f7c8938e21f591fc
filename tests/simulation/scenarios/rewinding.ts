import type { Environment, Participant } from "../environment/environment.ts";

/**
 * Has the database of a project be kept before one step and put back before a later one; returns
 * what puts it back at the latest. `look` is called just before that.
 */
export function planRewinding(
  environment: Environment,
  { project }: Participant,
  look: () => Promise<void> = () => Promise.resolve(),
): () => Promise<void> {
  const [kept, back] = environment.options.moments;
  const moment = `moment ${environment.servers.nextNumber()}`;
  let [isKept, isBack] = [false, false];
  const putBack = async () => {
    if (!isKept || isBack) return;
    isBack = true;
    await look();
    await project.putMomentBack(moment);
  };
  environment.proxy.at(kept, async () => {
    await project.keepMoment(moment);
    isKept = true;
  });
  environment.proxy.at(back, putBack);
  return putBack;
}
