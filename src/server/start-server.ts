import { join } from 'node:path';
import { RetrainError } from '../errors.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Disk } from '../runtime/disk.ts';
import { files } from '../runtime/files.ts';
import { nodeDisk } from '../runtime/node-disk.ts';
import { maxOpenFiles } from '../runtime/open-files.ts';
import { systemRandom } from '../runtime/random.ts';
import type { Random } from '../runtime/random.ts';
import { EMULATOR_KEY, rootRule } from './access-rule.ts';
import type { AccessRight } from './access-rule.ts';
import { checkedRules } from './access-rules.ts';
import { AccessRuleKeeper } from './access-rule-keeper.ts';
import type { AccessRuleSpec } from './access-rule-spec.ts';
import { connectSettings } from './connect-settings.ts';
import type { ConnectSettings } from './connect-settings.ts';
import { connectionString, isLoopback } from './connection-string.ts';
import { HttpRoutes } from './http-routes.ts';
import type { DeclaredEntities } from './declared-entities.ts';
import type { EntityAdmin } from './entity-admin.ts';
import { Ports } from './network/ports.ts';
import type { TlsOptions } from './network/tls-identity.ts';
import { ANY_ORIGIN, LOCAL_ORIGIN } from './origin-rule.ts';
import { NAMESPACE_FILE } from './resource-manager-file.ts';
import { Server } from './server.ts';
import { fittingSettings } from './settings.ts';
import type { Settings } from './settings.ts';
import type { Auth } from './service.ts';

export interface StartOptions extends DeclaredEntities {
  /** Folder for everything that must survive; it is made when it is missing. */
  readonly dataFolder: string;
  /** 0 picks a free port. Both speak AMQP, HTTP and WebSockets, and TLS with `tls`; they may be the same. */
  readonly amqpPort: number;
  readonly httpPort: number;
  /** 127.0.0.1 unless given. An address that others can reach needs `key`, or with `auth` none `allowAnyone`. */
  readonly host?: string;
  /** The only key of RootManageSharedAccessKey. Unless given it has two, which are made at the first start and kept in the data folder. */
  readonly key?: string;
  /** Access rules besides RootManageSharedAccessKey; keys that are not given are made and kept likewise. */
  readonly rules?: readonly AccessRuleSpec[];
  /** Where the certificate for TLS comes from; TLS is not spoken unless given. What speaks no TLS is served all the same. */
  readonly tls?: TlsOptions;
  /** Who is let in; `sas` unless given. */
  readonly auth?: Auth;
  /** What is absent has the service's value. */
  readonly settings?: Partial<Settings>;
  /** With `auth` none: listen also on an address that others can reach, who may then do everything. */
  readonly allowAnyone?: boolean;
  readonly disk?: Disk;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Bytes of the log's files; unless given they follow from the largest message that what is declared allows. */
  readonly segmentBytes?: number;
  readonly reserveBytes?: number;
  /** Told of faults of our own; clients see `amqp:internal-error`. */
  readonly onFault?: (fault: unknown) => void;
}

/** An access rule in force, for whoever is to use it. */
export interface AccessRuleInForce {
  readonly name: string;
  readonly queue?: string;
  readonly rights: readonly AccessRight[];
  /** With the primary key; of a queue's rule, with `EntityPath`. */
  readonly connectionString: string;
}

export interface RunningServer extends AsyncDisposable {
  /** For the official clients; it holds the primary key that RootManageSharedAccessKey has now. */
  readonly connectionString: string;
  /** The rules besides RootManageSharedAccessKey that are in force now. */
  readonly accessRules: readonly AccessRuleInForce[];
  readonly amqpPort: number;
  readonly httpPort: number;
  /** What the clients of each official SDK must be given; it holds the same key. With `tls` they speak TLS. */
  readonly connect: ConnectSettings;
  /** The certificate that clients are to trust, with `tls` self-signed. */
  readonly trustFile?: string;
  /** Resolves when the disk has failed; the process must end with exit code 74, and starts again from disk. */
  readonly failed: Promise<RetrainError>;
  /** Makes, changes, deletes and counts queues, topics, subscriptions and rules while clients are at work. */
  readonly admin: EntityAdmin;
  /** Sends clients away and closes the log. Resolves when nothing is held any more. */
  close(): Promise<void>;
}

const DEFAULT_HOST = '127.0.0.1';
const KEY_TO_COME = 'a-key-that-is-yet-to-be-made';

/**
 * Starts the broker on this machine: log, namespace and access rules from the data folder, AMQP and HTTP ports.
 *
 * @throws RetrainError `CONFIGURATION_INVALID`, `ADDRESS_IN_USE`, `DATA_LOCKED`, `DATA_CORRUPT`, `DATA_VERSION`
 */
export async function startServer(options: StartOptions): Promise<RunningServer> {
  const { dataFolder, host = DEFAULT_HOST, disk = nodeDisk, clock = systemClock, random = systemRandom } = options;
  checkAccess(options, host);
  const settings = fittingSettings(options.settings ?? {}, await maxOpenFiles());
  const onFault = options.onFault ?? (() => undefined);
  await disk.makeFolder(dataFolder);
  let access: AccessRuleKeeper | undefined;
  let stopChanges = (): Promise<void> => Promise.resolve();
  const server = await Server.open({
    dataFolder,
    queues: options.queues,
    ...(options.topics && { topics: options.topics }),
    ...(options.queuesIfMissing && { queuesIfMissing: options.queuesIfMissing }),
    rules: [],
    auth: options.auth ?? 'sas',
    settings,
    disk,
    clock,
    random,
    onFault,
    onDeleted: (name) => access?.forget(name),
    ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
    ...(options.reserveBytes === undefined ? {} : { reserveBytes: options.reserveBytes }),
  });
  try {
    // The log is open, so the data folder is ours.
    access = await AccessRuleKeeper.open({
      dataFolder,
      rules: options.rules ?? [],
      rootKey: options.key,
      random,
      clock,
      bornMs: (entity) => (server.admin.queues.get(entity) ?? server.admin.topics.get(entity))?.times.createdMs,
      onChanged: (rules) => server.replaceRules(rules),
      onFault,
    });
    server.replaceRules(access.rules);
    await access.save();
    const mayConnect = isOpen(options) ? LOCAL_ORIGIN : ANY_ORIGIN;
    const atom = server.adminApi(access);
    const kept = access;
    const resourceManager = server.resourceManager({ dataFolder, access });
    // What goes with a namespace takes its access rules along.
    stopChanges = async () => {
      await resourceManager.loaded?.close();
      await kept.close();
    };
    // A namespace that was being deleted goes on going; what cannot be read is said now.
    if ((await files.size(join(dataFolder, NAMESPACE_FILE))) !== undefined) await resourceManager.load();
    const api = new HttpRoutes({ healthy: () => server.healthy, atom, resourceManager, mayConnect, onFault });
    const ports = await Ports.open({ ...options, server, api, mayConnect, host, clock, random, onFault });
    return running({ server, ports, host, access, stopChanges });
  } catch (error) {
    await server.close();
    await stopChanges();
    throw error;
  }
}

/** Whether everybody gets in who reaches the port, because only this machine does. */
function isOpen({ key, auth = 'sas', allowAnyone = false }: StartOptions): boolean {
  return (auth === 'none' && !allowAnyone) || key === EMULATOR_KEY;
}

function checkAccess({ key, rules = [], auth = 'sas', allowAnyone = false }: StartOptions, host: string): void {
  if (allowAnyone && auth !== 'none')
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      'allow-anyone is for auth none: with access keys, an address that others can reach needs a key of your own',
    );
  // With a stand-in for keys that are yet to be made: nothing is begun with rules that are wrong.
  checkedRules([
    rootRule(key ?? KEY_TO_COME),
    ...rules.map((rule) => ({ ...rule, primaryKey: rule.primaryKey ?? KEY_TO_COME })),
  ]);
  if (isLoopback(host)) return;
  if (key === EMULATOR_KEY)
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      `host '${host}' can be reached by other machines, and everybody knows the emulator's key. Listen on 127.0.0.1, or give a key of your own instead.`,
    );
  if (auth === 'none' && !allowAnyone)
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      `host '${host}' can be reached by other machines, and with auth none all of them may do everything. Listen on 127.0.0.1, or say allow-anyone if that is what you want.`,
    );
  if (auth === 'sas' && key === undefined)
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      `host '${host}' can be reached by other machines, and no access key was given. Give a key of your own (RETRAIN_ACCESS_KEY), or listen on 127.0.0.1.`,
    );
}

function running(parts: {
  readonly server: Server;
  readonly ports: Ports;
  readonly host: string;
  readonly access: AccessRuleKeeper;
  /** From now on nothing is changed in the data folder besides the log. Resolves when nothing is being written there. */
  readonly stopChanges: () => Promise<void>;
}): RunningServer {
  const { server, ports, host, access, stopChanges } = parts;
  const close = async (): Promise<void> => {
    ports.closeAmqp();
    try {
      // While the data folder is still ours.
      await stopChanges();
      await server.close();
    } finally {
      await stopChanges();
      await ports.close();
    }
  };
  const { amqpPort: port, httpPort, tls } = ports;
  return {
    get connectionString() {
      return connectionString({ host, port, rule: access.root });
    },
    get accessRules() {
      return access.rules.slice(1).map((rule) => {
        const { name, queue, rights } = rule;
        const scope = queue === undefined ? {} : { queue };
        return { name, ...scope, rights, connectionString: connectionString({ host, port, rule }) };
      });
    },
    get connect() {
      return connectSettings({ host, port, rule: access.root, tls });
    },
    amqpPort: port,
    httpPort,
    ...(tls?.trustFile === undefined ? {} : { trustFile: tls.trustFile }),
    failed: server.failed,
    admin: server.admin,
    close,
    [Symbol.asyncDispose]: close,
  };
}
