import { countRequests, type Requests, resetRequests, total } from "./requests.ts";
import type { Scene } from "./environment.ts";
import type { Progress, Screen } from "./screen.ts";
import { bytesInWords, countOf, secondsInWords } from "./words.ts";

/** The objects and bytes of a phase; absent if the phase does not count objects. */
export interface Extent {
  readonly objects?: number;
  readonly bytes?: number;
}

/** A finished phase. */
export interface PhaseRecord extends Extent {
  readonly name: string;
  readonly milliseconds: number;
  readonly requests: Requests;
}

/** Runs the phases of the demo, shows their progress and records them for the closing table. */
export class Phases {
  readonly records: PhaseRecord[] = [];

  constructor(readonly screen: Screen) {}

  /** Runs the phase that starts the scene. Its requests are not counted. */
  setScene(name: string, work: (progress: Progress) => Promise<Scene>): Promise<Scene> {
    return this.#run(name, work, () => ({}), () => Promise.resolve({ storage: {}, s3: {} }));
  }

  /** Runs a phase, counts the requests to Storage and S3 during it, and records it. */
  async run<Result>(
    name: string,
    scene: Scene,
    work: (progress: Progress) => Promise<Result>,
    extentOf: (result: Result) => Extent,
  ): Promise<{ result: Result; requests: Requests }> {
    await resetRequests(scene);
    const result = await this.#run(name, work, extentOf, () => countRequests(scene));
    return { result, requests: this.records.at(-1)?.requests ?? { storage: {}, s3: {} } };
  }

  async #run<Result>(
    name: string,
    work: (progress: Progress) => Promise<Result>,
    extentOf: (result: Result) => Extent,
    count: () => Promise<Requests>,
  ): Promise<Result> {
    const began = performance.now();
    let milliseconds = 0;
    const result = await this.screen.during(name, async (progress) => {
      const done = await work(progress);
      milliseconds = performance.now() - began;
      return done;
    }, (done) => summary(extentOf(done), milliseconds));
    this.records.push({ name, milliseconds, requests: await count(), ...extentOf(result) });
    return result;
  }
}

function summary({ objects, bytes }: Extent, milliseconds: number): string {
  return [
    ...(objects === undefined ? [] : [countOf(objects, "object")]),
    ...(bytes === undefined ? [] : [bytesInWords(bytes)]),
    secondsInWords(milliseconds),
  ].join(", ");
}

const COLUMNS = ["phase", "objects", "bytes", "seconds", "Storage requests", "S3 requests"];

/** The lines of the closing table: names are left-aligned, numbers right-aligned. */
export function tableOf(records: readonly PhaseRecord[]): string[] {
  const rows = records.map(({ name, objects, bytes, milliseconds, requests }) => [
    name,
    objects === undefined ? "" : String(objects),
    bytes === undefined ? "" : bytesInWords(bytes),
    (milliseconds / 1000).toFixed(1),
    String(total(requests.storage)),
    String(total(requests.s3)),
  ]);
  const all = (milliseconds: number, record: PhaseRecord) => milliseconds + record.milliseconds;
  const seconds = (records.reduce(all, 0) / 1000).toFixed(1);
  const lines = [COLUMNS, ...rows, ["in all", "", "", seconds, "", ""]];
  const widths = COLUMNS.map((_, at) => Math.max(...lines.map((cells) => cells[at]?.length ?? 0)));
  return lines.map((cells) =>
    cells.map((cell, at) =>
      at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)
    )
      .join("   ").trimEnd()
  );
}
