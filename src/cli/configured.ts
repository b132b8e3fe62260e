import { RetrainError } from '../errors.ts';
import { parseConfiguration } from '../retraining/configuration/configuration.ts';
import type { Configuration } from '../retraining/configuration/configuration.ts';
import { credentialConnection, parseConnection } from '../retraining/connection.ts';
import type { Connection } from '../retraining/connection.ts';
import { files } from '../runtime/files.ts';
import { CONFIGURATION_FILE } from './configuration-file.ts';
import { noConnection } from './connection.ts';
import { entraCredential } from './entra-credential.ts';
import { runningBroker } from './running-broker.ts';

/** Bytes of a configuration. */
const CONFIGURATION_MAX_BYTES = 8 * 1024 * 1024;

/** A configuration and the connection that it leads to. */
export interface Configured {
  readonly configuration: Configuration;
  /** Undefined when it names none and no `retrain up` of it runs here. */
  readonly connection: Connection | undefined;
}

/**
 * The configuration in `file`, or in the file that is here by its usual name.
 *
 * @param needed whether the usual file is looked for when no other is named
 * @throws ConfigurationFileError with every place that has to be corrected
 */
export async function readConfigured(
  file: string | undefined,
  { needed = true }: { needed?: boolean } = {},
): Promise<Configured | undefined> {
  if (file === undefined && !needed) return undefined;
  const configuration = await readConfiguration(file);
  return configuration && { configuration, connection: await connectionIn(configuration) };
}

/** The same for a command that cannot do without. */
export async function readConfiguration(
  file: string | undefined,
  options: { withoutConnection?: boolean } = {},
): Promise<Configuration | undefined> {
  const path = file ?? CONFIGURATION_FILE;
  const text = await files.readText(path, { maxBytes: CONFIGURATION_MAX_BYTES });
  if (text !== undefined) return parseConfiguration(text, { file: path, environment: process.env, ...options });
  if (file === undefined) return undefined;
  throw new RetrainError('CONFIGURATION_INVALID', `there is no configuration ${file}: check the path`);
}

/** @throws RetrainError `CONFIGURATION_INVALID` when there is none */
export async function requireConfiguration(file: string | undefined): Promise<Configuration> {
  const configuration = await readConfiguration(file);
  if (configuration) return configuration;
  throw new RetrainError(
    'CONFIGURATION_INVALID',
    `there is no ${CONFIGURATION_FILE} here: write one (see docs/configuration.md), or name it with --config`,
  );
}

/**
 * The connection of a configuration.
 *
 * @throws RetrainError `CONNECTION_STRING_INVALID` when it names none and no `retrain up` of it runs here
 */
export async function readConnection(configuration: Configuration): Promise<Connection> {
  const connection = await connectionIn(configuration);
  if (connection) return connection;
  throw noConnection(configuration.file);
}

async function connectionIn(configuration: Configuration): Promise<Connection | undefined> {
  const { connection, folders, file } = configuration;
  if (!connection) {
    const running = await runningBroker(folders.state, files);
    return running && parseConnection(running.connectionString);
  }
  if (connection.connectionString !== undefined) return parseConnection(connection.connectionString);
  if (connection.fullyQualifiedNamespace === undefined)
    throw new RetrainError('CONFIGURATION_INVALID', `${file}: connection: names no broker`);
  const credential = await entraCredential(connection.clientId);
  return credentialConnection(connection.fullyQualifiedNamespace, credential);
}
