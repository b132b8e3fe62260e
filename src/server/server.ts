import { join } from 'node:path';
import { Namespace } from '../broker/index.ts';
import { RetrainError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Disk } from '../runtime/disk.ts';
import type { Random } from '../runtime/random.ts';
import { Log } from '../storage/index.ts';
import type { AccessAdmin } from './access-admin.ts';
import type { AccessRule } from './access-rule.ts';
import { AccessRules } from './access-rules.ts';
import { ConnectionDriver } from './connection-driver.ts';
import type { EntityAccess } from './entity-access.ts';
import { failure } from './error-mapping.ts';
import type { Failure } from './error-mapping.ts';
import type { HttpApi } from './http-routes.ts';
import { LateApi } from './late-api.ts';
import { LIMITS } from './limits.ts';
import { declareEntities } from './declared-entities.ts';
import type { DeclaredEntities } from './declared-entities.ts';
import { checkLogSize, logSizesFor } from './log-sizes.ts';
import { storedMessages } from './stored-messages.ts';
import { EntityAdmin } from './entity-admin.ts';
import type { ResourceManagerApi } from './resource-manager/resource-manager-api.ts';
import { Service } from './service.ts';
import type { Auth } from './service.ts';
import { settingsOf } from './settings.ts';
import type { Settings } from './settings.ts';
import { shutDown } from './shut-down.ts';
import type { Transport, TransportListener } from './transport.ts';

export interface ServerOptions extends DeclaredEntities {
  /** The log lies in its subfolder `log`. */
  readonly dataFolder: string;
  /** Of the namespace and of its queues; `replaceRules` takes others. */
  readonly rules: readonly AccessRule[];
  /** `sas` unless given. */
  readonly auth?: Auth;
  /** What is absent has the service's value. */
  readonly settings?: Partial<Settings>;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of faults of our own; clients see `amqp:internal-error`. */
  readonly onFault?: (fault: unknown) => void;
  /** Told of each queue that is deleted, by whomever. */
  readonly onDeleted?: (name: string) => void;
  /**
   * Bytes of a segment of the log, and of its reserve for a full disk. Unless given they follow from the largest message that
   * declared entities allow; what is given is taken as it is, and a message that does not fit is refused when it comes.
   */
  readonly segmentBytes?: number;
  readonly reserveBytes?: number;
}

const DISK_FAILED = failure('amqp:connection:forced', 'The disk of the server has failed. Connect again later.');
const GOODBYE = failure('amqp:connection:forced', 'The server shuts down. Connect again later.');

/**
 * The broker as a whole, without a network: log, namespace, and the clients whose transports it was given. Everything that
 * it needs of the world is a parameter, so that a simulation runs the same code.
 */
export class Server implements AsyncDisposable {
  /** Resolves when the disk has failed: nothing further is promised to anybody, and the process must end with exit code 74. */
  readonly failed: Promise<RetrainError>;
  /** For the program that the server runs in. */
  readonly admin: EntityAdmin;
  /** What a queue's messages may need of the log at once; infinite when the log's sizes were given. */
  readonly #maxBatchBytes: number;
  readonly #service: Service;
  readonly #log: Log;
  readonly #drivers = new Set<ConnectionDriver>();
  /** Those of them that are only told that they are too many. */
  readonly #refused = new Set<ConnectionDriver>();
  /** Those who wait for the disk outside of connections. */
  readonly #waiting = new Set<(why: RetrainError) => void>();
  #state: 'open' | 'closing' | 'failed' = 'open';
  #failure: RetrainError | undefined;
  #closed: Promise<void> = Promise.resolve();
  #reportFailure: (error: RetrainError) => void = () => undefined;
  #emptied: { readonly promise: Promise<void>; resolve(): void } | undefined;
  #onFlushed: (() => void) | undefined;

  private constructor(service: Service, log: Log, maxBatchBytes: number) {
    this.#service = service;
    this.#log = log;
    this.#maxBatchBytes = maxBatchBytes;
    this.admin = new EntityAdmin({
      namespace: service.namespace,
      maxBatchBytes,
      mustBeOpen: () => this.#mustBeOpen(),
      durable: (position) => this.#durable(position),
    });
    this.failed = new Promise((resolve) => {
      this.#reportFailure = resolve;
    });
  }

  /**
   * Opens the log, brings the namespace back from it and makes it as it is declared.
   *
   * @throws RetrainError `DATA_LOCKED`, `DATA_CORRUPT`, `DATA_VERSION`, `CONFIGURATION_INVALID` (an access rule is wrong, something
   * cannot be as it is declared, or allows larger messages than the log can store), or what the disk says
   */
  static async open(options: ServerOptions): Promise<Server> {
    const { clock, random, disk } = options;
    const settings = settingsOf(options.settings);
    let server: Server | undefined;
    const namespace = new Namespace({
      clock,
      random,
      reader: storedMessages,
      onDeleted: ({ name }) => {
        if (server) server.#forgetRules(name);
        options.onDeleted?.(name);
      },
      onFault: (fault) => options.onFault?.(fault),
    });
    let failure: RetrainError | undefined;
    const sizes = logSizesFor(options);
    const log = await Log.open({
      disk,
      clock,
      folder: join(options.dataFolder, 'log'),
      segmentBytes: options.segmentBytes ?? sizes.segmentBytes,
      reserveBytes: options.reserveBytes ?? sizes.reserveBytes,
      onRecord: (record, live) => namespace.replay(record, live),
      onDurable: (position) => {
        if (server) server.#release(position);
      },
      onFailed: (error) => {
        failure = error;
        if (server) server.#fail(error);
      },
      snapshot: () => namespace.snapshot(),
    });
    const service = new Service({
      clock,
      random,
      namespace,
      journal: log,
      settings,
      auth: options.auth ?? 'sas',
      rules: new AccessRules([]),
      onFault: options.onFault ?? (() => undefined),
    });
    const sized = options.segmentBytes === undefined && options.reserveBytes === undefined;
    server = new Server(service, log, sized ? log.maxBatchBytes : Infinity);
    try {
      namespace.start(log);
      service.barrier.release(log.durable);
      await declareEntities(namespace, options, log);
      server.replaceRules(options.rules);
      for (const { description } of [...namespace.queues(), ...namespace.topics])
        checkLogSize(description, server.#maxBatchBytes);
    } catch (error) {
      namespace.stop();
      await log.close();
      throw error;
    }
    if (failure) server.#fail(failure);
    return server;
  }

  /** False once it closes or its disk has failed. */
  get healthy(): boolean {
    return this.#state === 'open';
  }

  get settings(): Settings {
    return this.#service.settings;
  }

  /** Clients that are served. */
  get connections(): number {
    return this.#drivers.size - this.#refused.size;
  }

  /**
   * Other access rules are in force from now on. Claims that were given for a rule or a key that is gone end, and with them the
   * links that lived from them; the rights of the others follow their rule.
   *
   * @throws RetrainError `CONFIGURATION_INVALID`, and everything stays as it was
   */
  replaceRules(rules: readonly AccessRule[]): void {
    const next = new AccessRules(rules);
    for (const queue of next.queues())
      if (!this.#service.namespace.destination(queue))
        throw new RetrainError(
          'CONFIGURATION_INVALID',
          `an access rule is for queue or topic '${queue}', which does not exist: declare it, too, or correct its name`,
        );
    this.#enforce(next);
  }

  /** Service Bus's admin API over this server's entities. `access`: the access rules of queues and topics. Most brokers are never asked for it. */
  adminApi(access: EntityAccess): HttpApi {
    const parts = { service: this.#service, admin: this.admin, access, startedMs: this.#service.clock.wallMs() };
    const load = async (): Promise<HttpApi> => new (await import('./atom/atom-api.ts')).AtomApi(parts);
    return new LateApi({ load, onFault: this.#service.onFault });
  }

  /** Azure Resource Manager over this server's entities, and the namespace that `dataFolder` keeps for it. Most brokers are never asked for it. */
  resourceManager(options: { readonly dataFolder: string; readonly access: AccessAdmin }): LateApi<ResourceManagerApi> {
    const service = this.#service;
    const parts = { ...options, service, admin: this.admin };
    const load = async (): Promise<ResourceManagerApi> =>
      (await import('./resource-manager/open-resource-manager.ts')).openResourceManager(parts);
    return new LateApi({ load, onFault: service.onFault });
  }

  /** Serves a client until one of both sides goes. Tell the returned listener what happens on the transport. */
  accept(transport: Transport): TransportListener {
    const tooMany = this.connections >= this.settings.maxConnections;
    if (this.#state !== 'open' || (tooMany && this.#refused.size >= LIMITS.refusedConnections)) {
      transport.destroy();
      return NOBODY;
    }
    const driver = new ConnectionDriver({
      service: this.#service,
      transport,
      ...(tooMany ? { refusal: tooManyConnections(this.settings) } : {}),
      onClosed: (closed) => this.#forget(closed),
    });
    this.#drivers.add(driver);
    if (tooMany) this.#refused.add(driver);
    return driver;
  }

  /** Lets out what is becoming durable, says goodbye to clients, closes the log. A second call waits for the first. */
  async close(): Promise<void> {
    if (this.#state !== 'open') return this.#closed;
    this.#state = 'closing';
    this.#closed = this.#shutDown();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shutDown(): Promise<void> {
    const { namespace } = this.#service;
    await this.#flushed();
    // First: what the links of one client give back must not be handed to the next one, who is about to go as well.
    namespace.stop();
    this.#sendAway(GOODBYE);
    await this.#empty();
    this.#closeBarrier(shutDown());
    await this.#closeLog();
  }

  #mustBeOpen(): void {
    if (this.#state !== 'open') throw this.#failure ?? shutDown();
  }

  /** Resolves when the log is durable up to `position`; rejects when its disk fails or the server closes before. */
  #durable(position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(reject);
        resolve();
      };
      this.#waiting.add(reject);
      this.#service.barrier.hold(position, { held: 0, leave, fault: this.#service.onFault }, undefined, undefined);
    });
  }

  /** Nothing leaves the barrier any more. */
  #closeBarrier(why: RetrainError): void {
    this.#service.barrier.close();
    for (const reject of this.#waiting) reject(why);
    this.#waiting.clear();
  }

  #release(position: number): void {
    this.#service.barrier.release(position);
    this.#service.intake.recheck();
    if (this.#service.barrier.size === 0) this.#onFlushed?.();
  }

  #enforce(rules: AccessRules): void {
    this.#service.rules = rules;
    for (const driver of this.#drivers) driver.reconsider(rules);
  }

  /** Another queue of this name begins without the rules of the one that is gone. */
  #forgetRules(queue: string): void {
    const { rules } = this.#service;
    const left = rules.without(queue);
    if (left.count < rules.count) this.#enforce(left);
  }

  /** Until nothing waits for the disk any more, or `LIMITS.closeGraceMs` have passed. */
  async #flushed(): Promise<void> {
    if (this.#service.barrier.size === 0) return;
    const { promise, resolve } = deferred();
    this.#onFlushed = resolve;
    const cancel = this.#service.clock.after(LIMITS.closeGraceMs, resolve);
    await promise;
    cancel();
  }

  /** Until every transport has closed; drivers destroy theirs after `LIMITS.closeGraceMs`. */
  #empty(): Promise<void> {
    if (this.#drivers.size === 0) return Promise.resolve();
    this.#emptied ??= deferred();
    return this.#emptied.promise;
  }

  #forget(driver: ConnectionDriver): void {
    this.#drivers.delete(driver);
    this.#refused.delete(driver);
    if (this.#drivers.size === 0) this.#emptied?.resolve();
  }

  async #giveUp(error: RetrainError): Promise<void> {
    await this.#empty();
    this.#reportFailure(error);
    await this.#closeLog();
  }

  async #closeLog(): Promise<void> {
    try {
      await this.#log.close();
    } catch (error) {
      // What has failed may fail again when it is closed: that is no news.
      if (this.#state !== 'failed') throw error;
    }
  }

  /** Memory holds what never became durable: nothing of it may leave, so everybody is sent away. */
  #fail(error: RetrainError): void {
    if (this.#state === 'failed') return;
    this.#state = 'failed';
    this.#failure = error;
    this.#closeBarrier(error);
    try {
      this.#service.namespace.stop();
    } catch (fault) {
      this.#service.onFault(fault);
    }
    this.#sendAway(DISK_FAILED);
    this.#closed = this.#giveUp(error);
  }

  #sendAway(error: Failure): void {
    for (const driver of this.#drivers) {
      try {
        driver.close(error);
      } catch (fault) {
        this.#service.onFault(fault);
        driver.destroy();
      }
    }
  }
}

function tooManyConnections({ maxConnections }: Settings): Failure {
  return failure(
    'amqp:resource-limit-exceeded',
    `Cannot take another connection: the ${maxConnections} that are allowed are in use. Close some, share one among the parts of a program, or start the broker with a higher --max-connections.`,
  );
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

const NOBODY: TransportListener = { onData: () => undefined, onDrain: () => undefined, onClose: () => undefined };
