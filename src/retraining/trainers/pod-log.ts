import type { Clock } from '../../runtime/clock.ts';
import { pause } from '../../runtime/clock.ts';
import type { KubernetesClient } from './kubernetes-client.ts';
import { LineSplitter } from './run-output.ts';

/** How long the rest of a log may take to arrive when the run has ended. */
const DRAIN_MS = 5000;

/** How a line of a log begins that was asked for with time stamps: RFC 3339 with nanoseconds of fixed width. */
const STAMP = /^(\d{4}-\d{2}-\d{2}T\S{1,40}) /;

/** Follows the log of a pod's container, from its beginning, and over broken connections without telling a line twice. */
export class PodLog {
  readonly #client: KubernetesClient;
  readonly #options: { readonly namespace: string; readonly container: string; readonly clock: Clock };
  readonly #take: (chunk: Buffer) => Promise<void>;
  readonly #closed = new AbortController();
  #following: Promise<void> | undefined;
  /** Of the last line that was taken. */
  #stamp = '';
  #isComplete = false;

  constructor(
    client: KubernetesClient,
    options: { namespace: string; container: string; clock: Clock },
    take: (chunk: Buffer) => Promise<void>,
  ) {
    this.#client = client;
    this.#options = options;
    this.#take = take;
  }

  /** Follows the log of `pod` unless it does so already. */
  follow(pod: string): void {
    if (this.#following || this.#isComplete || this.#closed.signal.aborted) return;
    this.#following = this.#read(pod).finally(() => {
      this.#following = undefined;
    });
  }

  /** The container of `pod` has ended: waits for the rest of its log, for a while. */
  async drain(pod: string): Promise<void> {
    const waiting = new AbortController();
    // What is followed may have begun before the end, and is complete then.
    this.follow(pod);
    await Promise.race([this.#following, pause(this.#options.clock, DRAIN_MS, waiting.signal)]);
    waiting.abort();
    await this.close();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#following;
  }

  async #read(pod: string): Promise<void> {
    const { namespace, container } = this.#options;
    const before = this.#stamp;
    let tail: Promise<void> = Promise.resolve();
    const splitter = new LineSplitter((line) => {
      const text = this.#unstamped(line, before);
      if (text) tail = tail.then(() => this.#take(text));
    });
    try {
      await this.#client.stream(
        {
          path: `/api/v1/namespaces/${namespace}/pods/${pod}/log`,
          query: { container, follow: 'true', timestamps: 'true', ...(before !== '' && { sinceTime: before }) },
        },
        {
          take: (chunk) => {
            splitter.write(chunk);
            return tail;
          },
          signal: this.#closed.signal,
        },
      );
      splitter.end();
      await tail;
      this.#isComplete = true;
    } catch {
      // Broken, or closed, or the container is not that far: it is followed again with the next look.
    }
  }

  /** The line without its stamp; undefined when it was taken before the connection broke. */
  #unstamped(line: Buffer, before: string): Buffer | undefined {
    const [whole, stamp = ''] = STAMP.exec(line.subarray(0, 64).toString('latin1')) ?? [];
    // A piece of a line that was too long.
    if (whole === undefined) return line;
    if (stamp <= before) return undefined;
    this.#stamp = stamp;
    return Buffer.concat([line.subarray(whole.length), Buffer.from('\n')]);
  }
}
