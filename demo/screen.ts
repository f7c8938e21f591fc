import { secondsInWords, shorten, wrap } from "./words.ts";

/** The output that the demo writes to. */
export interface Output {
  write(text: string): void;
  /**
   * Current width of the terminal; undefined if the output is no terminal that can rewrite a line.
   */
  columns(): number | undefined;
}

/** The progress of a running phase. */
export interface Progress {
  /** Sets the total amount of work. A later call may change it. */
  expect(total: number): void;
  /** Sets the amount of finished work. It never decreases and never exceeds the total. */
  reach(done: number): void;
  /** Adds one to the finished work. */
  advance(): void;
}

/** Width of the label column, including its gap. Texts below a label start at this column. */
const LABEL_COLUMNS = 11;
const BAR_COLUMNS = 24;
/** Texts are wrapped at this width if the output is no terminal. */
const PLAIN_COLUMNS = 80;
const WIDEST_TEXT_COLUMNS = 100;
const REDRAW_MS = 100;
/** Without a terminal, a long phase prints its progress this often. */
const PLAIN_REPORT_MS = 10_000;

/** Prints the demo's progress: moving bars on a terminal, plain lines on any other output. */
export class Screen {
  readonly output: Output;
  #isMute = false;

  constructor(output: Output) {
    this.output = {
      write: (text) => {
        if (!this.#isMute) output.write(text);
      },
      columns: () => output.columns(),
    };
  }

  /** Writes a line below the running phase, and ignores all later output. */
  close(words: string): void {
    this.output.write(`\n${words}\n`);
    this.#isMute = true;
  }

  /** Writes a text below a phase, wrapped to the available width. */
  text(words: string): void {
    for (const line of wrap(words, this.#textColumns())) this.#indented(line);
  }

  /** Writes a word and its object on one line, shortened to the available width. */
  pair(word: string, about: string): void {
    const start = word.padEnd(LABEL_COLUMNS);
    this.#indented(start + shorten(about, Math.max(10, this.#textColumns() - start.length)));
  }

  /** Writes a line unchanged. */
  line(text = ""): void {
    this.output.write(`${text.trimEnd()}\n`);
  }

  #indented(text: string): void {
    this.line(" ".repeat(LABEL_COLUMNS) + text);
  }

  #textColumns(): number {
    const columns = Math.min(this.output.columns() ?? PLAIN_COLUMNS, WIDEST_TEXT_COLUMNS);
    return Math.max(20, columns - LABEL_COLUMNS - 1);
  }

  /** Shows the progress of work, and one permanent line when the work ends. */
  async during<Result>(
    label: string,
    work: (progress: Progress) => Promise<Result>,
    summary: (result: Result) => string,
  ): Promise<Result> {
    const phase = new PhaseLine(this.output, label);
    try {
      const result = await work(phase);
      phase.finish(summary(result));
      return result;
    } catch (error) {
      phase.abandon();
      throw error;
    }
  }
}

class PhaseLine implements Progress {
  readonly #began = performance.now();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #moves: boolean;
  #total = 0;
  #done = 0;

  constructor(readonly output: Output, readonly label: string) {
    this.#moves = output.columns() !== undefined;
    this.#draw();
    this.#timer = this.#moves
      ? setInterval(() => this.#draw(), REDRAW_MS)
      : setInterval(() => this.#report(), PLAIN_REPORT_MS);
  }

  expect(total: number): void {
    this.#total = total;
  }

  reach(done: number): void {
    this.#done = Math.min(this.#total, Math.max(this.#done, done));
  }

  advance(): void {
    this.#done += 1;
  }

  finish(summary: string): void {
    clearInterval(this.#timer);
    this.#done = this.#total;
    this.#rewrite(`${this.#start()}${this.#moves ? `${this.#bar()}  ` : ""}${summary}`, "\n");
  }

  /** Keeps the last progress on the screen, so that a user sees where the phase stopped. */
  abandon(): void {
    clearInterval(this.#timer);
    this.#rewrite(this.#state(), "\n");
  }

  #draw(): void {
    if (this.#moves) this.#rewrite(this.#state(), "");
  }

  #report(): void {
    this.output.write(`${this.#state()}\n`);
  }

  #state(): string {
    const seconds = secondsInWords(performance.now() - this.#began);
    const bar = this.#moves ? `${this.#bar()}  ` : "";
    return `${this.#start()}${bar}${this.#done} of ${this.#total}, ${seconds}`;
  }

  #start(): string {
    return this.label.padEnd(LABEL_COLUMNS);
  }

  #bar(): string {
    const share = this.#total === 0 ? 0 : Math.min(1, this.#done / this.#total);
    const filled = Math.floor(share * BAR_COLUMNS);
    return `[${"#".repeat(filled)}${".".repeat(BAR_COLUMNS - filled)}]`;
  }

  /** On a terminal the line is cut to the width: a wrapped line could not be rewritten. */
  #rewrite(text: string, end: string): void {
    const columns = this.output.columns();
    if (!this.#moves) this.output.write(`${text}${end}`);
    else this.output.write(`\r\x1b[2K${text.slice(0, Math.max(1, (columns ?? 80) - 1))}${end}`);
  }
}

/** Standard output. After its reader has closed it (`| head`), writes have no effect. */
export function standardOutput(): Output {
  const encoder = new TextEncoder();
  const isTerminal = Deno.stdout.isTerminal() && Deno.env.get("TERM") !== "dumb";
  let isRead = true;
  return {
    write(text) {
      if (!isRead) return;
      try {
        let rest = encoder.encode(text);
        while (rest.length > 0) rest = rest.subarray(Deno.stdout.writeSync(rest));
      } catch (error) {
        if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
        isRead = false;
      }
    },
    columns() {
      if (!isTerminal) return undefined;
      // A terminal of unknown size reports 0 columns.
      return Deno.consoleSize().columns || 80;
    },
  };
}
