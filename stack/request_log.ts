/** One request that reached a server. */
export interface RequestRecord {
  /** Time of arrival, milliseconds since 1970. */
  readonly at: number;
  /** Time when the answer was sent or abandoned, milliseconds since 1970; 0 until then. */
  endedAt: number;
  readonly method: string;
  /** The requested operation without names, such as `PutObject`. */
  readonly route: string;
  /** Path and query as received. */
  readonly path: string;
  /** Number of concurrent requests at its arrival, including itself. */
  readonly inFlight: number;
  /** The status of the answer; 0 until it is sent, and if none is sent. */
  status: number;
  /** Number of bytes of the request's body that were read so far. */
  requestBytes: number;
  /** Number of bytes of the answer's body that were sent so far. */
  responseBytes: number;
}

/** The fields that the log fills in. */
type Filled = "at" | "endedAt" | "inFlight" | "status" | "requestBytes" | "responseBytes";

/** Number of newest requests whose records are kept. The counts include all requests. */
const KEPT_RECORDS = 20_000;

/** A log of a server's requests, for tests. */
export class RequestLog<Entry extends RequestRecord = RequestRecord> {
  #records: Entry[] = [];
  #oldest = 0;
  #counts = new Map<string, number>();
  #inFlight = 0;
  #mostInFlight = 0;

  /** Number of requests whose answers are not yet sent. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Largest number of concurrent requests since the last reset. */
  get mostInFlight(): number {
    return this.#mostInFlight;
  }

  /** The records of the newest requests, in the order of their arrival. */
  records(): Entry[] {
    return [...this.#records.slice(this.#oldest), ...this.#records.slice(0, this.#oldest)];
  }

  /** The number of requests of each route since the last reset. */
  counts(): Record<string, number> {
    return Object.fromEntries([...this.#counts].toSorted());
  }

  /** Clears records and counts. Running requests still count as in flight. */
  reset(): void {
    this.#records = [];
    this.#oldest = 0;
    this.#counts.clear();
    this.#mostInFlight = this.#inFlight;
  }

  /**
   * Adds a request on arrival, so that a client that has its answer finds the request in the log.
   * The server updates the record, and calls `finish` when the answer is sent or abandoned.
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
