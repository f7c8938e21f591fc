/** One request that reached a server. */
export interface RequestRecord {
  /** When it arrived, milliseconds since 1970. */
  readonly at: number;
  /** When its answer was sent or given up, milliseconds since 1970; 0 until then. */
  endedAt: number;
  readonly method: string;
  /** What it asks for, without the names in it, such as `PutObject`. */
  readonly route: string;
  /** Path and query as they were sent. */
  readonly path: string;
  /** Requests under way when it arrived, itself included. */
  readonly inFlight: number;
  /** The status of the answer; 0 as long as there is none, and where none was sent. */
  status: number;
  /** Bytes of the request's body that were read so far. */
  requestBytes: number;
  /** Bytes of the answer's body that were sent so far. */
  responseBytes: number;
}

/** What the server fills in by itself when a request arrives. */
type Filled = "at" | "endedAt" | "inFlight" | "status" | "requestBytes" | "responseBytes";

/** Single records are kept for this many of the newest requests; the counts know all. */
const KEPT_RECORDS = 20_000;

/** What a server was asked, for tests to count. */
export class RequestLog<Entry extends RequestRecord = RequestRecord> {
  #records: Entry[] = [];
  #oldest = 0;
  #counts = new Map<string, number>();
  #inFlight = 0;
  #mostInFlight = 0;

  /** Requests whose answers are not yet sent. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** The most requests that were under way at once since the last reset. */
  get mostInFlight(): number {
    return this.#mostInFlight;
  }

  /** The newest requests, oldest first, in the order of their arrival. */
  records(): Entry[] {
    return [...this.#records.slice(this.#oldest), ...this.#records.slice(0, this.#oldest)];
  }

  /** How many requests there were of each route since the last reset. */
  counts(): Record<string, number> {
    return Object.fromEntries([...this.#counts].toSorted());
  }

  /** Forgets what was; requests under way stay counted as such. */
  reset(): void {
    this.#records = [];
    this.#oldest = 0;
    this.#counts.clear();
    this.#mostInFlight = this.#inFlight;
  }

  /**
   * Enters a request on arrival, so that a client that has its answer finds it in the log. The
   * server fills in the rest; `finish` says that the answer was sent or given up.
   */
  begin(request: Omit<Entry, Filled>): { record: Entry; finish: () => void } {
    this.#inFlight++;
    this.#mostInFlight = Math.max(this.#mostInFlight, this.#inFlight);
    const filled: Pick<RequestRecord, Filled> = {
      at: Date.now(),
      endedAt: 0,
      inFlight: this.#inFlight,
      status: 0,
      requestBytes: 0,
      responseBytes: 0,
    };
    const record = { ...request, ...filled } as Entry;
    this.#keep(record);
    this.#counts.set(record.route, (this.#counts.get(record.route) ?? 0) + 1);
    let finished = false;
    return {
      record,
      finish: () => {
        if (finished) return;
        finished = true;
        this.#inFlight--;
        record.endedAt = Date.now();
      },
    };
  }

  #keep(record: Entry): void {
    if (this.#records.length < KEPT_RECORDS) {
      this.#records.push(record);
      return;
    }
    this.#records[this.#oldest] = record;
    this.#oldest = (this.#oldest + 1) % KEPT_RECORDS;
  }
}
