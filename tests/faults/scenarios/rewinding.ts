import type { Actor, Scene } from "../world/scene.ts";

/**
 * Has the database of a project be kept before one step and put back before a later one; returns
 * what puts it back at the latest. `look` is called just before that.
 */
export function planRewinding(
  scene: Scene,
  { project }: Actor,
  look: () => Promise<void> = () => Promise.resolve(),
): () => Promise<void> {
  const [kept, back] = scene.options.moments;
  const moment = `moment ${scene.servers.nextNumber()}`;
  let [isKept, isBack] = [false, false];
  const putBack = async () => {
    if (!isKept || isBack) return;
    isBack = true;
    await look();
    await project.putMomentBack(moment);
  };
  scene.door.at(kept, async () => {
    await project.keepMoment(moment);
    isKept = true;
  });
  scene.door.at(back, putBack);
  return putBack;
}
