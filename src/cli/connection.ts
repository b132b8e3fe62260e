import { isServiceBusError } from '@azure/service-bus';
import type { ServiceBusClient } from '@azure/service-bus';
import type { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { closeClient, createClient, parseConnection, toRetrainError } from '../retraining/connection.ts';
import type { Connection } from '../retraining/connection.ts';
import { systemClock } from '../runtime/clock.ts';
import { systemRandom } from '../runtime/random.ts';
import { DEFAULT_QUEUE } from '../topology/index.ts';
import { CONFIGURATION_FILE } from './configuration-file.ts';
import type { Configured } from './configured.ts';
import type { Side } from './profile.ts';
import type { Profiled } from './profiled.ts';
import { serviceWords } from './service-words.ts';

/** The variable that holds the connection string when `--connection` does not give it. */
export const CONNECTION_VARIABLE = 'RETRAIN_CONNECTION_STRING';

/** One operation of the official client. */
const OPERATION_MS = 5_000;
/** A broker that has not answered by then counts as unreachable, whatever is still being tried. */
const ANSWER_MS = 9_000;

/** What `addConnectionOption` leaves among a command's options. */
export interface ConnectionFlags {
  readonly connection?: string;
  readonly config?: string;
  readonly profile?: string;
  /** What the configuration says, once it was read; with a profile, it is that profile's broker. */
  readonly configured?: Configured;
  /** The profile, once it was read. */
  readonly profiled?: Profiled;
}

export interface ConnectionOptions extends ConnectionFlags {
  readonly queue?: string;
}

/** A queue of a broker. */
export interface Place {
  readonly connection: Connection;
  readonly queue: string;
}

/** For every command that connects. */
export const PROFILE_OPTION = 'connection that retrain deploy up wrote for a stack, with its queues and topic';

/**
 * Which broker: by connection string, profile or configuration; these two are read before the command begins.
 *
 * @param side whose key of a profile the command uses
 */
export function addConnectionOption(command: Command, { side = 'worker' }: { side?: Side } = {}): Command {
  return command
    .option('--connection <string>', `connection string; ${CONNECTION_VARIABLE} keeps it out of the process list`)
    .option('--config <file>', `configuration (default: ${CONFIGURATION_FILE}, if it is there)`)
    .option('--profile <name>', PROFILE_OPTION)
    .hook('preAction', async (_, action) => {
      const { config, connection, profile, state } = action.opts<ConnectionOptions & { state?: string }>();
      if (profile !== undefined) {
        const { readProfiled } = await import('./profiled.ts');
        const read = await readProfiled({ profile, config, state, side });
        action.setOptionValue('profiled', read.profiled);
        if (read.configured) action.setOptionValue('configured', read.configured);
        return;
      }
      const { readConfigured } = await import('./configured.ts');
      // Whoever names the broker does not need a file that happens to be here.
      const configured = await readConfigured(config, { needed: connection === undefined });
      if (configured) action.setOptionValue('configured', configured);
    });
}

export function addConnectionOptions(command: Command, options: { side?: Side } = {}): Command {
  return addConnectionOption(command, options).option(
    '--queue <name>',
    `queue of the requests (default: the connection string's EntityPath, or ${DEFAULT_QUEUE.name})`,
  );
}

/** @throws RetrainError `CONNECTION_STRING_INVALID`; the message never shows the key. */
export function placeOf(options: ConnectionOptions): Place {
  const connection = connectionOf(options);
  const { requests: configured } = (options.profiled?.profile ?? options.configured?.configuration)?.queues ?? {};
  return { connection, queue: options.queue ?? connection.entityPath ?? configured ?? DEFAULT_QUEUE.name };
}

/**
 * The place of an entity that a command names.
 *
 * @throws RetrainError `CONNECTION_STRING_INVALID`, also when the string is for another entity only
 */
export function entityPlace(options: ConnectionFlags, entity: string): Place {
  const connection = connectionOf(options);
  const { entityPath } = connection;
  if (entityPath === undefined || `${entity}/`.toLowerCase().startsWith(`${entityPath}/`.toLowerCase()))
    return { connection, queue: entity };
  throw new RetrainError(
    'CONNECTION_STRING_INVALID',
    `the connection string is for "${entityPath}" only (EntityPath), not for "${entity}": use one of the namespace, or name "${entityPath}"`,
  );
}

/**
 * The connection by the nearest of: `--connection`, `--profile`, the file of `--config`, the environment, the file that is
 * here.
 *
 * @throws RetrainError `CONNECTION_STRING_INVALID`; the message never shows the key.
 */
export function connectionOf({ connection, profiled, config, configured }: ConnectionFlags): Connection {
  if (connection !== undefined) return parseConnection(connection);
  if (profiled) return profiled.connection;
  if (config !== undefined && configured?.connection) return configured.connection;
  const text = process.env[CONNECTION_VARIABLE];
  if (text !== undefined) return parseConnection(text);
  if (configured?.connection) return configured.connection;
  if (configured) throw noConnection(configured.configuration.file);
  throw new RetrainError(
    'CONNECTION_STRING_INVALID',
    `no connection string: give --connection, or set ${CONNECTION_VARIABLE} to what retrain broker prints`,
  );
}

/** Neither does the configuration name a broker, nor does a `retrain up` of it run here. */
export function noConnection(file: string): RetrainError {
  return new RetrainError(
    'CONNECTION_STRING_INVALID',
    `${file} names no connection, and no retrain up of it runs here: start it, add the section connection, or give --connection`,
  );
}

/**
 * Does `work` with an official client that gives up early instead of trying for minutes, and closes it.
 *
 * @throws RetrainError, whatever the client raised
 */
export function withClient<T>(place: Place, work: (client: ServiceBusClient) => Promise<T>): Promise<T> {
  return withOpenClient(place, (client) => answered(work(client), place));
}

/** The same for work that has many answers to wait for, each of them by `answered`: the whole has no limit. */
export async function withOpenClient<T>(place: Place, work: (client: ServiceBusClient) => Promise<T>): Promise<T> {
  const client = createClient(place.connection, { retry: { maxRetries: 0, timeoutInMs: OPERATION_MS } });
  try {
    return await work(client);
  } finally {
    await closeClient(client, { clock: systemClock });
  }
}

/**
 * Waits for an answer of the broker, but only so long.
 *
 * @throws RetrainError, whatever the client raised
 */
export async function answered<T>(work: Promise<T>, place: Place): Promise<T> {
  try {
    return await withinAnswerTime(work, place);
  } catch (error) {
    throw explained(error, place);
  }
}

/**
 * Raises the reason when broker, key or queue cannot be used by a worker, which otherwise waits for a broker forever. It asks
 * for a session that is in nobody's way: no model can have its name, and no other worker asks for the same.
 */
export async function checkQueue(place: Place, { sessions = true }: { sessions?: boolean } = {}): Promise<void> {
  await withClient(place, async (client) => {
    await client.createReceiver(place.queue).peekMessages(1);
    if (!sessions) return;
    const session = `/check-${systemRandom.bytes(8).toString('hex')}`;
    const receiver = await client.acceptSession(place.queue, session).catch((error: unknown) => {
      if (isServiceBusError(error) && SESSION_REFUSALS.has(error.code)) throw withoutSessions(place);
      throw error;
    });
    await receiver.close();
  });
}

/** What the client makes of a session that is asked of a queue without any; it has no code of its own for that. */
const SESSION_REFUSALS: ReadonlySet<string> = new Set(['GeneralError', 'SessionCannotBeLocked']);

/** The same for a queue or topic that is only sent to. */
export async function checkTarget(place: Place): Promise<void> {
  await withClient(place, (client) => client.createSender(place.queue).createMessageBatch());
}

/** The client's own limits do not cover a peer that takes the connection and is silent. */
function withinAnswerTime<T>(work: Promise<T>, place: Place): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = systemClock.after(ANSWER_MS, () => reject(unreachable(place, `no answer in ${ANSWER_MS} ms`)));
    void work.then(resolve, reject).finally(cancel);
  });
}

/** What a peer that does not speak AMQP makes the client raise. */
const NOT_AMQP = new Set(['ProtocolError', 'OperationTimeoutError']);

function explained(error: unknown, place: Place): Error {
  const { host, keyName } = place.connection;
  // A producer that was given a client knows its host without the port.
  if (error instanceof RetrainError && error.cause instanceof Error) return explained(error.cause, place);
  if (error instanceof Error && NOT_AMQP.has(error.name)) return unreachable(place, error.message, error);
  // What the client has no code for, and will not try again, is a command that cannot be.
  if (
    isServiceBusError(error) &&
    (error.code === 'MessageNotFound' || (error.code === 'GeneralError' && !error.retryable))
  )
    return new RetrainError('BROKER_REFUSED', `${host} refuses "${place.queue}": ${serviceWords(error)}`, {
      cause: error,
    });
  return toRetrainError(error, { host, entity: place.queue, keyName });
}

function withoutSessions({ queue, connection }: Place): RetrainError {
  return new RetrainError(
    'CONFIGURATION_INVALID',
    `queue "${queue}" at ${connection.host} has no sessions: use one that was made with sessions and duplicate detection, as by retrain broker --queue NAME:sessions,duplicates`,
  );
}

function unreachable({ connection }: Place, said: string, cause?: Error): RetrainError {
  return new RetrainError(
    'UNREACHABLE',
    `no broker answers at ${connection.host} (${said}): check that it runs and that host and port are right`,
    { cause },
  );
}
