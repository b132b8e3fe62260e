import { RetrainError } from '../../src/errors.ts';
import type { EntityAdmin } from '../../src/server/entity-admin.ts';
import { ROOT_RULE_NAME, rootRule } from '../../src/server/access-rule.ts';
import { Server } from '../../src/server/server.ts';
import type { QueueDescription, QueueDescriptionChanges } from '../../src/topology/index.ts';
import { FakeDisk } from '../fake-disk.ts';
import type { ChangeResult } from './description-model.ts';
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
  /** Its queues are there. */
  ready: boolean;
  /** Its disk has been told to fail. */
  doomed: boolean;
  /** To be called when it is over. */
  readonly mourners: Set<() => void>;
}

/** Sizes are in bytes. */
export interface BrokerSettings {
  readonly queues: readonly QueueDescription[];
  /** Descriptions change while it runs: the queues are made once, and not declared at each start. */
  readonly changing: boolean;
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
  /** Told of each queue when the broker has started. */
  onQueue: (description: QueueDescription) => void = () => undefined;
  /** Told of all entities when the broker has started. */
  onStart: (admin: EntityAdmin) => void = () => undefined;
  /** Queues whose making was acknowledged. */
  readonly #made = new Set<string>();

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

  /** It takes connections, and commands of its program. */
  get ready(): boolean {
    const life = this.#life;
    return life?.ready === true && life.server?.healthy === true;
  }

  start(): void {
    if (this.#life) return;
    const world = this.#world;
    const clock = new MortalClock(world);
    const life: Life = {
      clock,
      connections: new Set(),
      server: undefined,
      ready: false,
      doomed: false,
      mourners: new Set(),
    };
    this.#life = life;
    this.#lives++;
    world.trace('broker', `starts (${this.#lives})`);
    const { queues, changing, segmentBytes, reserveBytes } = this.#settings;
    void Server.open({
      dataFolder: '/data',
      queues: changing ? [] : queues,
      rules: [rootRule(KEY)],
      disk: this.#disk,
      clock,
      random: world.random.fork(),
      segmentBytes,
      reserveBytes,
      onFault: (fault) => this.#onFault(life, fault),
    }).then(
      async (server) => {
        if (clock.dead) return;
        life.server = server;
        void server.failed.then((error) => this.#onFailed(life, error));
        if (!(await this.#findQueues(life, server))) return;
        life.ready = true;
        world.trace('broker', 'is ready');
      },
      (error: unknown) => this.#onFailed(life, error),
    );
  }

  /** What the program does with its entities in which the broker runs. */
  async administer(work: (admin: EntityAdmin) => Promise<unknown>): Promise<ChangeResult> {
    const life = this.#life;
    if (!life?.server || !this.ready) return 'refused';
    return this.#ask(life, work(life.server.admin));
  }

  /** Whether there is such a subscription now. */
  hasSubscription(topic: string, name: string): boolean {
    return this.#life?.server?.admin.subscriptions.get(topic, name) !== undefined;
  }

  /** Changes a queue as the program does in which the broker runs. */
  change(name: string, changes: QueueDescriptionChanges): Promise<ChangeResult> {
    return this.administer(({ queues }) => queues.update(name, changes));
  }

  /** Makes the queues that are missing, and tells of each. False when the process ends meanwhile. */
  async #findQueues(life: Life, server: Server): Promise<boolean> {
    for (const wanted of this.#settings.queues.toReversed()) {
      const { name } = wanted;
      if (!server.admin.queues.get(name)) {
        if (this.#made.has(name)) this.#world.violate(`queue ${name} is gone after a start`);
        while ((await this.#ask(life, server.admin.queues.create(wanted))) !== 'done') {
          if (life.clock.dead || !server.healthy) return false;
          await this.#world.sleep(RESTART_AFTER_FAILURE_MS);
        }
      }
      this.#made.add(name);
      const { description } = server.admin.queues.get(name) ?? {};
      if (description) this.onQueue(description);
    }
    if (life.clock.dead) return false;
    this.onStart(server.admin);
    return true;
  }

  /** What the process says, unless it ends before. */
  async #ask(life: Life, work: Promise<unknown>): Promise<ChangeResult> {
    const ended = new Promise<ChangeResult>((resolve) => {
      if (life.clock.dead) resolve('lost');
      life.mourners.add(() => resolve('lost'));
    });
    const done = work.then(
      (): ChangeResult => 'done',
      (error: unknown): ChangeResult => {
        const said = error instanceof RetrainError ? error.code : undefined;
        if (said === 'DISK_FAILED') return 'lost';
        if (said === undefined) this.#onFault(life, error);
        return 'refused';
      },
    );
    return Promise.race([ended, done]);
  }

  /** A new connection, or undefined when nobody listens. */
  connect(name: string): PipeEnd | undefined {
    const life = this.#life;
    if (!life?.server || !this.ready) return undefined;
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
    const buried = new Promise<void>((resolve) => life.mourners.add(resolve));
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
    for (const mourn of life.mourners) mourn();
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
