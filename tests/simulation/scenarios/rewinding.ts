import type { Environment, Participant } from "../environment/environment.ts";

/**
 * Plans that a project's database is saved before one step and restored before a later one. Returns a
 * function that restores it if that has not happened yet.
 * @param before is called just before the restore
 */
export function planRewinding(
  environment: Environment,
  { project }: Participant,
  before: () => Promise<void> = () => Promise.resolve(),
): () => Promise<void> {
  const [saved, restored] = environment.options.moments;
  const moment = `moment ${environment.servers.nextNumber()}`;
  let [isSaved, isRestored] = [false, false];
  const restoreMoment = async () => {
    if (!isSaved || isRestored) return;
    isRestored = true;
    await before();
    await project.restoreMoment(moment);
  };
  environment.proxy.at(saved, async () => {
    await project.saveMoment(moment);
    isSaved = true;
  });
  environment.proxy.at(restored, restoreMoment);
  return restoreMoment;
}
