import { join } from 'node:path';
import { RetrainError } from '../errors.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Disk } from '../runtime/disk.ts';
import { nodeDisk } from '../runtime/node-disk.ts';
import { systemRandom } from '../runtime/random.ts';
import type { Random } from '../runtime/random.ts';
import { readOrCreateSecret } from '../runtime/secret-file.ts';
import type { QueueDescription } from '../topology/index.ts';
import { rootRule } from './access-rule.ts';
import type { AccessRule } from './access-rule.ts';
import { AmqpListener } from './amqp-listener.ts';
import { connectionString, isLoopback } from './connection-string.ts';
import { HttpListener } from './http-listener.ts';
import { Server } from './server.ts';

export interface StartOptions {
  /** Folder for everything that must survive; it is made when it is missing. */
  readonly dataFolder: string;
  /** 0 picks a free port. */
  readonly amqpPort: number;
  readonly httpPort: number;
  /** 127.0.0.1 unless given. An address that others can reach needs `key`. */
  readonly host?: string;
  readonly queues: readonly QueueDescription[];
  /** Key of RootManageSharedAccessKey. Unless given it is made on first start and kept in the data folder with mode 0600. */
  readonly key?: string;
  /** Access rules besides RootManageSharedAccessKey. */
  readonly rules?: readonly AccessRule[];
  readonly disk?: Disk;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Bytes of the log's files; unless given they follow from the largest message that `queues` allow. */
  readonly segmentBytes?: number;
  readonly reserveBytes?: number;
  /** Told of faults of our own; clients see `amqp:internal-error`. */
  readonly onFault?: (fault: unknown) => void;
}

export interface RunningServer extends AsyncDisposable {
  /** For the official clients; it holds the key. */
  readonly connectionString: string;
  readonly amqpPort: number;
  readonly httpPort: number;
  /** Resolves when the disk has failed; the process must end with exit code 74, and starts again from disk. */
  readonly failed: Promise<RetrainError>;
  /** Sends clients away and closes the log. Resolves when nothing is held any more. */
  close(): Promise<void>;
}

const KEY_FILE = 'access-key';
/** Bytes of a generated key; Service Bus has 32, too. */
const KEY_BYTES = 32;
const DEFAULT_HOST = '127.0.0.1';

/**
 * Starts the broker on this machine: log and namespace from the data folder, AMQP and HTTP ports.
 *
 * @throws RetrainError `CONFIGURATION_INVALID`, `ADDRESS_IN_USE`, `DATA_LOCKED`, `DATA_CORRUPT`, `DATA_VERSION`
 */
export async function startServer(options: StartOptions): Promise<RunningServer> {
  const { dataFolder, host = DEFAULT_HOST, disk = nodeDisk, clock = systemClock, random = systemRandom } = options;
  if (!isLoopback(host) && options.key === undefined)
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      `host '${host}' can be reached by other machines, and no access key was given. Give a key of your own, or listen on 127.0.0.1.`,
    );
  if (options.key !== undefined && !/^[\x21-\x3a\x3c-\x7e]{16,}$/.test(options.key))
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      'the access key must have at least 16 printable ASCII characters, without space and semicolon. Make one with: openssl rand -base64 32',
    );
  await disk.makeFolder(dataFolder);
  const key =
    options.key ??
    (await readOrCreateSecret(join(dataFolder, KEY_FILE), () => random.bytes(KEY_BYTES).toString('base64')));
  const server = await Server.open({
    dataFolder,
    queues: options.queues,
    rules: [rootRule(key), ...(options.rules ?? [])],
    disk,
    clock,
    random,
    ...(options.onFault ? { onFault: options.onFault } : {}),
    ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
    ...(options.reserveBytes === undefined ? {} : { reserveBytes: options.reserveBytes }),
  });
  let amqp: AmqpListener | undefined;
  try {
    amqp = await AmqpListener.open({ server, host, port: options.amqpPort });
    const http = await HttpListener.open({ host, port: options.httpPort, healthy: () => server.healthy });
    return running({ server, amqp, http, connectionString: connectionString({ host, amqpPort: amqp.port, key }) });
  } catch (error) {
    amqp?.close();
    await server.close();
    throw error;
  }
}

function running(parts: {
  readonly server: Server;
  readonly amqp: AmqpListener;
  readonly http: HttpListener;
  readonly connectionString: string;
}): RunningServer {
  const { server, amqp, http } = parts;
  const close = async (): Promise<void> => {
    amqp.close();
    await server.close();
    await http.close();
  };
  return {
    connectionString: parts.connectionString,
    amqpPort: amqp.port,
    httpPort: http.port,
    failed: server.failed,
    close,
    [Symbol.asyncDispose]: close,
  };
}
