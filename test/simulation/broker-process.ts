import { ROOT_RULE_NAME, rootRule } from '../../src/server/access-rule.ts';
import { Server } from '../../src/server/server.ts';
import type { QueueDescription } from '../../src/topology/index.ts';
import { FakeDisk } from '../fake-disk.ts';
import { PipeEnd } from './pipe.ts';
import { MortalClock, type World } from './world.ts';

/**
 * How a process ends. `power-cut`: what was not synced may be lost, torn, or there although what was written before is not. `kill`: as
 * kill -9, the operating system lives on and still has all that was written. `disk-failure`: a write or sync fails, and the process ends
 * itself. `shutdown`: the server says goodbye and closes its log.
 */
export type Death = 'power-cut' | 'kill' | 'disk-failure' | 'shutdown';

export const KEY_NAME = ROOT_RULE_NAME;
export const KEY = 'key-of-the-simulation';

interface Life {
  readonly clock: MortalClock;
  readonly connections: Set<PipeEnd>;
  server: Server | undefined;
  /** Its disk has been told to fail. */
  doomed: boolean;
  /** It closes itself; to be called when it is over. */
  onBuried: (() => void) | undefined;
}

/** Sizes are in bytes. */
export interface BrokerSettings {
  readonly queues: readonly QueueDescription[];
  readonly segmentBytes: number;
  readonly reserveBytes: number;
  readonly capacityBytes: number;
  readonly syncLies: boolean;
}

const DISK_LATENCY_MS = { min: 0.02, max: 1 };
const SHUTDOWN_LIMIT_MS = 30_000;
/** Process managers wait longer before they start a process again. */
const RESTART_AFTER_FAILURE_MS = 20;

/** The broker as a process that is started, dies and is started again, over one disk. */
export class BrokerProcess {
  readonly #world: World;
  readonly #settings: BrokerSettings;
  #disk: FakeDisk;
  #life: Life | undefined;
  #lives = 0;

  constructor(world: World, settings: BrokerSettings) {
    this.#world = world;
    this.#settings = settings;
    const { capacityBytes, syncLies } = settings;
    const seed = world.random.between(0, 2 ** 32 - 1);
    const clock = new MortalClock(world);
    this.#disk = new FakeDisk({ clock, seed, latencyMs: DISK_LATENCY_MS, capacityBytes, syncLies });
  }

  /** Counts starts: what a client saw of a later life is newer than what it saw of an earlier one. */
  get lives(): number {
    return this.#lives;
  }

  get alive(): boolean {
    return this.#life !== undefined;
  }

  start(): void {
    if (this.#life) return;
    const world = this.#world;
    const clock = new MortalClock(world);
    const life: Life = { clock, connections: new Set(), server: undefined, doomed: false, onBuried: undefined };
    this.#life = life;
    this.#lives++;
    world.trace('broker', `starts (${this.#lives})`);
    const { queues, segmentBytes, reserveBytes } = this.#settings;
    void Server.open({
      dataFolder: '/data',
      queues,
      rules: [rootRule(KEY)],
      disk: this.#disk,
      clock,
      random: world.random.fork(),
      segmentBytes,
      reserveBytes,
      onFault: (fault) => this.#onFault(life, fault),
    }).then(
      (server) => {
        if (clock.dead) return;
        life.server = server;
        world.trace('broker', 'is ready');
        void server.failed.then((error) => this.#onFailed(life, error));
      },
      (error: unknown) => this.#onFailed(life, error),
    );
  }

  /** A new connection, or undefined when nobody listens. */
  connect(name: string): PipeEnd | undefined {
    const life = this.#life;
    if (!life?.server?.healthy) return undefined;
    const { client, server } = PipeEnd.pair(this.#world, name);
    life.connections.add(server);
    server.open(life.server.accept(server));
    return client;
  }

  /** Ends the process, wherever it is. What it still wanted to do never happens. */
  async end(death: Death): Promise<void> {
    const life = this.#life;
    if (!life) return;
    this.#world.trace('broker', `ends: ${death}${life.server ? '' : ', while it starts'}`);
    if (death === 'disk-failure') {
      life.doomed = true;
      this.#disk.failNth(this.#world.random.pick(['write', 'sync', 'syncFolder', 'rename'] as const), 1);
      return;
    }
    if (death !== 'shutdown' || !life.server) return this.#bury(life, death === 'power-cut' ? 'power' : 'process');
    const buried = new Promise<void>((resolve) => (life.onBuried = resolve));
    void life.server.close().then(() => this.#bury(life, 'process'));
    await this.#world.within(SHUTDOWN_LIMIT_MS, 'the broker shuts down', buried);
  }

  /** Somebody makes room on the disk, and replaces it if it is about to fail. */
  async repairDisk(): Promise<void> {
    this.#disk.capacityBytes = Infinity;
    if (!this.#life?.doomed) return;
    await this.end('kill');
    this.start();
  }

  #bury(life: Life, cause: 'power' | 'process'): void {
    if (life.clock.dead) return;
    life.clock.die();
    for (const connection of life.connections) connection.abandon();
    this.#disk = this.#disk.crash(cause);
    this.#life = undefined;
    life.onBuried?.();
  }

  /** The process ends with exit code 74, and is started again. */
  #onFailed(life: Life, error: unknown): void {
    if (life.clock.dead) return;
    if (!life.doomed) return this.#onFault(life, error);
    this.#world.trace('broker', `has ended itself: ${error instanceof Error ? error.message : String(error)}`);
    this.#bury(life, 'process');
    this.#world.after(RESTART_AFTER_FAILURE_MS, () => this.start());
  }

  #onFault(life: Life, fault: unknown): void {
    if (life.clock.dead) return;
    this.#world.violate(`the broker has a fault: ${fault instanceof Error ? fault.stack : String(fault)}`);
  }
}
