import { PAIRS } from "../fault_catalogue/pairs.ts";
import { type Kind, KINDS } from "../proxy/request_kinds.ts";
import { DEFAULT_FOCUS, type Scenario } from "../scenarios/scenario.ts";

/** The kinds of request that the random faults of these scenarios are about. */
export function focusOf(scenarios: readonly Scenario[]): readonly Kind[] {
  const kinds = new Set(scenarios.flatMap((scenario) => (scenario.focus ?? DEFAULT_FOCUS).on));
  return KINDS.filter((kind) => kinds.has(kind));
}

/**
 * Divides scenarios among processes so that each kind of request is in the focus of one process
 * only: each then steers by its own counts, which makes its runs reproducible, and prepares only its
 * own scenarios.
 * @param jobs at most so many groups; a group with more pairs to meet gets fewer scenarios beside it
 */
export function groupByFocus(scenarios: readonly Scenario[], jobs: number): Scenario[][] {
  const components: Scenario[][] = [];
  for (const scenario of scenarios) {
    const focus = focusOf([scenario]);
    const touching = components.filter((group) =>
      focusOf(group).some((kind) => focus.includes(kind))
    );
    for (const group of touching) components.splice(components.indexOf(group), 1);
    components.push([...touching.flat(), scenario]);
  }
  const groups: Scenario[][] = Array.from({ length: jobs }, () => []);
  for (const component of components.sort((one, other) => pairsOf(other) - pairsOf(one))) {
    groups.sort((one, other) => pairsOf(one) - pairsOf(other))[0]!.push(...component);
  }
  return groups.filter((group) => group.length > 0);
}

function pairsOf(scenarios: readonly Scenario[]): number {
  const kinds = focusOf(scenarios);
  return PAIRS.filter(({ kind }) => kinds.includes(kind)).length;
}
