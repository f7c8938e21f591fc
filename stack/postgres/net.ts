import { connect, type Connection } from "./connection.ts";
import { type NetRequest, type NetResponse, send } from "./net_request.ts";

/** The worker of the stand-in for pg_net, for one database. */
export interface NetWorker extends AsyncDisposable {
  /** Resolves when every committed request has been sent and answered, or dropped. */
  drain(): Promise<void>;
  /** Drops the next `count` requests: they are never sent or answered, as after a crash. */
  drop(count: number): void;
  /** Aborts the running requests and closes every connection. */
  stop(): Promise<void>;
}

export interface NetOptions {
  /** Connects as a superuser to the database with the requests. */
  adminUrl: string;
  /** Number of requests in a batch; 200 by default, as pg_net.batch_size. */
  batchSize?: number;
  /** Pause between batches. pg_net's is 1000. The default is 0, so that tests need not wait. */
  pauseMilliseconds?: number;
}

const BATCH_SIZE = 200;
const RESPONSES_LIVE_HOURS = 6;
const RETRY_MILLISECONDS = 200;

/**
 * Starts to send the requests of a database that has the stand-in for pg_net (sql/net.sql).
 *
 * Like the real one it takes requests in batches, and starts the next batch when the slowest
 * request of a batch has ended. It never sends a request twice, and writes the answers to
 * net._http_response. It sends requests only to this machine.
 */
export async function startNet(options: NetOptions): Promise<NetWorker> {
  const worker = new Worker(options);
  await worker.start();
  const stop = () => worker.stop();
  return {
    drain: () => worker.drain(),
    drop: (count) => worker.drop(count),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

class Worker {
  #sql: Connection;
  #batchSize: number;
  #pauseMilliseconds: number;
  #client = Deno.createHttpClient({});
  #stopping = new AbortController();
  #toDrop = 0;
  #working: Promise<void> | undefined;
  #wokenMeanwhile = false;

  constructor(options: NetOptions) {
    // One connection listens, the other one works.
    this.#sql = connect(options.adminUrl, { max: 2 });
    this.#batchSize = options.batchSize ?? BATCH_SIZE;
    this.#pauseMilliseconds = options.pauseMilliseconds ?? 0;
  }

  async start() {
    // The second function also runs after each reconnection, because notifications were lost.
    await this.#sql.listen("net_wake", () => this.#wake(), () => this.#wake());
  }

  drop(count: number) {
    this.#toDrop += count;
  }

  async drain() {
    do {
      this.#wake();
      await this.#working;
    } while (!this.#stopping.signal.aborted && await this.#queued() > 0);
  }

  async stop() {
    this.#stopping.abort();
    await this.#working;
    await this.#sql.end({ timeout: 5 });
    this.#client.close();
  }

  #wake() {
    this.#wokenMeanwhile = true;
    this.#working ??= this.#work().finally(() => this.#working = undefined);
  }

  async #work() {
    while (this.#wokenMeanwhile && !this.#stopping.signal.aborted) {
      this.#wokenMeanwhile = false;
      try {
        while (await this.#sendBatch()) await this.#pause(this.#pauseMilliseconds);
      } catch (error) {
        if (!isPassing(error)) throw error;
        // The queue's table is unlogged, but a clean restart keeps its rows.
        await this.#pause(RETRY_MILLISECONDS);
        this.#wokenMeanwhile = true;
      }
    }
  }

  /** Sends one batch. Returns whether there was a request to send. */
  async #sendBatch(): Promise<boolean> {
    if (this.#stopping.signal.aborted) return false;
    const requests = await this.#take();
    const lost = requests.splice(0, this.#toDrop);
    this.#toDrop -= lost.length;
    const options = { client: this.#client, signal: this.#stopping.signal };
    const responses = await Promise.all(requests.map((request) => send(request, options)));
    if (!this.#stopping.signal.aborted) await this.#record(responses);
    return lost.length + requests.length > 0;
  }

  /** Deletes a batch from the queue before it is sent, so that no request is ever sent twice. */
  #take(): Promise<NetRequest[]> {
    return this.#sql<NetRequest[]>`
      with taken as (
        delete from net.http_request_queue
        where id in (select id from net.http_request_queue order by id limit ${this.#batchSize})
        returning id, method, url, headers, body, timeout_milliseconds
      )
      select id, upper(method) as method, url, headers, convert_from(body, 'utf8') as body,
        timeout_milliseconds as "timeoutMilliseconds"
      from taken order by id`;
  }

  async #record(responses: NetResponse[]) {
    const sql = this.#sql;
    await sql`
      delete from net._http_response
      where created < now() - make_interval(hours => ${RESPONSES_LIVE_HOURS})`;
    if (responses.length > 0) await sql`insert into net._http_response ${sql(responses)}`;
  }

  async #queued(): Promise<number> {
    const [row] = await this.#sql<{ queued: number }[]>`
      select count(*)::int as queued from net.http_request_queue`;
    return row.queued;
  }

  #pause(milliseconds: number): Promise<void> {
    if (milliseconds === 0 || this.#stopping.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#stopping.signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      this.#stopping.signal.addEventListener("abort", end);
    });
  }
}

/**
 * Whether an error is temporary: the server is down or starting, or the database or the tables are
 * missing. The real worker also waits in these cases.
 */
function isPassing(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return /^(CONNECTION_|ECONN|EPIPE|57P0|3D000|3F000|42P01)/.test(code);
}
