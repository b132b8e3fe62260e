import type { TestContext } from 'node:test';
import type { RetrainError } from '../../src/errors.ts';
import { Server, rootRule } from '../../src/server/index.ts';
import type { ServerOptions, Transport, TransportListener } from '../../src/server/index.ts';
import { parseQueueDescription } from '../../src/topology/index.ts';
import type { QueueDescriptionInput } from '../../src/topology/index.ts';
import { FakeClock } from '../fake-clock.ts';
import { FakeDisk } from '../fake-disk.ts';

/** Turns after which nothing is under way any more: the disk, the pipes and the promises between them have come to rest. */
const TURNS = 60;

export const KEY = 'key-of-the-test-namespace';

/** One end of a connection in memory: what is written arrives at the other end in a later turn. */
export class Pipe implements Transport {
  readonly peer = 'test';
  pendingBytes = 0;
  paused = false;
  closed = false;
  /** The owner of the other end has stopped taking what is written here. */
  stalled = false;
  other: Pipe | undefined;
  readonly #clock: FakeClock;
  readonly #queue: Buffer[] = [];
  #listener: TransportListener | undefined;
  #ended = false;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  open(listener: TransportListener): void {
    this.#listener = listener;
  }

  write(buffers: readonly Buffer[]): void {
    if (this.closed || this.#ended) return;
    const bytes = Buffer.concat(buffers);
    this.pendingBytes += bytes.length;
    this.#queue.push(bytes);
    this.#clock.soon(() => this.#move());
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    const { other } = this;
    if (other) this.#clock.soon(() => other.#move());
  }

  end(): void {
    this.#ended = true;
    this.#clock.soon(() => this.#move());
  }

  destroy(): void {
    this.#close();
    if (this.other) this.other.#close();
  }

  /** Lets a stalled pipe flow again. */
  flow(): void {
    this.stalled = false;
    this.#move();
  }

  /** Lets one write through a stalled pipe. */
  flowOnce(): void {
    const rest = this.#queue.splice(1);
    this.flow();
    this.stalled = true;
    this.#queue.push(...rest);
  }

  #move(): void {
    while (!this.stalled && this.other && !this.other.paused && !this.closed) {
      const bytes = this.#queue.shift();
      if (!bytes) break;
      this.pendingBytes -= bytes.length;
      this.other.#listener?.onData(bytes);
      if (this.pendingBytes === 0) this.#listener?.onDrain();
    }
    if (this.#ended && this.#queue.length === 0) this.destroy();
  }

  #close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#clock.soon(() => this.#listener?.onClose());
  }
}

/** A log that takes little memory. */
const SMALL_FILES = { segmentBytes: 1024 * 1024, reserveBytes: 256 * 1024 };

/** Rules are those besides the root rule, whose key is `KEY`. */
type WorldOptions = Partial<Pick<ServerOptions, 'rules' | 'auth' | 'settings'>>;

/** The whole server on a fake clock, a fake disk and pipes. */
export class World {
  readonly clock = new FakeClock();
  readonly faults: unknown[] = [];
  disk = new FakeDisk({ clock: this.clock, seed: 1 });
  failed: RetrainError | undefined;
  readonly #queues: readonly QueueDescriptionInput[];
  readonly #options: WorldOptions;
  #server: Server | undefined;
  #drawn = 0;

  private constructor(queues: readonly QueueDescriptionInput[], options: WorldOptions) {
    this.#queues = queues;
    this.#options = options;
  }

  static async start(
    context: TestContext,
    queues: readonly QueueDescriptionInput[],
    options: WorldOptions = {},
  ): Promise<World> {
    const world = new World(queues, options);
    await world.startServer();
    context.after(() => {
      if (world.faults.length > 0) throw new AggregateError(world.faults, 'the server reported faults');
    });
    return world;
  }

  get server(): Server {
    if (!this.#server) throw new Error('the server is not running');
    return this.#server;
  }

  async startServer(): Promise<void> {
    this.#server = await this.until(
      Server.open({
        dataFolder: 'data',
        queues: this.#queues.map((queue) => parseQueueDescription(queue)),
        ...this.#options,
        rules: [rootRule(KEY), ...(this.#options.rules ?? [])],
        disk: this.disk,
        clock: this.clock,
        // Counted, not random: a failure repeats itself.
        random: { bytes: (length) => Buffer.alloc(length, ++this.#drawn), fraction: () => 0.5 },
        ...SMALL_FILES,
        onFault: (fault) => this.faults.push(fault),
      }),
    );
    void this.#server.failed.then((error) => {
      this.failed = error;
    });
  }

  /** The machine loses its power and comes back: what was not synced is gone, and so are all clients. */
  async restartAfterPowerCut(): Promise<void> {
    this.clock.dropTimers();
    this.disk = this.disk.crash();
    await this.startServer();
  }

  /** The client's end of a new connection. */
  connect(): Pipe {
    const client = new Pipe(this.clock);
    const server = new Pipe(this.clock);
    client.other = server;
    server.other = client;
    server.open(this.server.accept(server));
    return client;
  }

  /** Lets everything happen that does not need time to pass. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) {
      this.clock.advance(0);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Lets `ms` pass and what falls due on the way happen. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.settle();
  }

  /** The result of what needs the disk or the pipes to go on. */
  async until<T>(promise: Promise<T>): Promise<T> {
    const waiting = { for: true };
    const finish = (): void => {
      waiting.for = false;
    };
    promise.then(finish, finish);
    while (waiting.for) {
      this.clock.advance(0);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return promise;
  }
}
