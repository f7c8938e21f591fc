/** One request that reached the server. */
export interface RequestRecord {
  /** When it arrived, milliseconds since 1970. */
  readonly at: number;
  /** When its answer was sent or given up, milliseconds since 1970; 0 until then. */
  endedAt: number;
  readonly method: string;
  /** The method and the fixed part of the path, such as `GET object/authenticated`. */
  route: string;
  /** The path below the API's root and the query, as they were sent. */
  readonly path: string;
  /** Requests under way when it arrived, itself included. */
  readonly inFlight: number;
  /** The status of the answer; 0 as long as there is none. */
  status: number;
  /** Bytes of the request's body that were read so far. */
  requestBytes: number;
  /** Bytes of the answer's body that were sent so far. */
  responseBytes: number;
  /** What the CDN in front made of it; absent where there is none. */
  cache?: "HIT" | "MISS" | "DYNAMIC";
}

/** Single records are kept for this many of the newest requests; the counts know all. */
const KEPT_RECORDS = 20_000;

/** What a server was asked, for tests to count. */
export class RequestLog {
  #records: RequestRecord[] = [];
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
  records(): RequestRecord[] {
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
   * server fills in the rest; `finish` says, once, that the answer was sent or given up.
   */
  begin(request: { method: string; route: string; path: string }): {
    record: RequestRecord;
    finish: () => void;
  } {
    this.#inFlight++;
    this.#mostInFlight = Math.max(this.#mostInFlight, this.#inFlight);
    const record: RequestRecord = {
      at: Date.now(),
      endedAt: 0,
      ...request,
      inFlight: this.#inFlight,
      status: 0,
      requestBytes: 0,
      responseBytes: 0,
    };
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

  #keep(record: RequestRecord): void {
    if (this.#records.length < KEPT_RECORDS) {
      this.#records.push(record);
      return;
    }
    this.#records[this.#oldest] = record;
    this.#oldest = (this.#oldest + 1) % KEPT_RECORDS;
  }
}
