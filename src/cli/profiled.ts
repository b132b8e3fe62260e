import { resolve } from 'node:path';
import type { Configuration } from '../retraining/configuration/configuration.ts';
import { credentialConnection, parseConnection } from '../retraining/connection.ts';
import type { Connection } from '../retraining/connection.ts';
import { files } from '../runtime/files.ts';
import { readConfiguration } from './configured.ts';
import type { Configured } from './configured.ts';
import { entraCredential } from './entra-credential.ts';
import { readProfile } from './profile.ts';
import type { Profile, Side } from './profile.ts';
import { DEFAULT_STATE_FOLDER } from './state-folder.ts';

/** A profile that was asked for, and the connection that it gives. */
export interface Profiled {
  readonly name: string;
  readonly profile: Profile;
  readonly connection: Connection;
}

export interface ProfileChoice {
  readonly profile: string;
  /** Configuration that was named; otherwise the one that is here counts, if there is one. */
  readonly config?: string | undefined;
  /** State folder that was named. */
  readonly state?: string | undefined;
  readonly side: Side;
}

/**
 * Reads a profile, and the configuration as it is with it: broker, queues and outcomes are the profile's, all else is the
 * configuration's.
 *
 * @throws RetrainError `ARGUMENT_INVALID`, `CONFIGURATION_INVALID`
 */
export async function readProfiled({ profile: name, config, state, side }: ProfileChoice): Promise<{
  readonly profiled: Profiled;
  /** Undefined without a configuration. */
  readonly configured: Configured | undefined;
}> {
  const configuration = await readConfiguration(config, { withoutConnection: true });
  const folder = resolve(state ?? configuration?.folders.state ?? DEFAULT_STATE_FOLDER);
  const profile = await readProfile(folder, name, files);
  const connection = await connectionFor(profile, side);
  return {
    profiled: { name, profile, connection },
    configured: configuration && { configuration: withProfile(configuration, profile), connection },
  };
}

async function connectionFor(profile: Profile, side: Side): Promise<Connection> {
  const { connectionStrings, fullyQualifiedNamespace } = profile;
  if (connectionStrings) return parseConnection(connectionStrings[side]);
  return credentialConnection(fullyQualifiedNamespace, await entraCredential(undefined));
}

/** What a profile does not say stays as it is configured. */
function withProfile(configuration: Configuration, profile: Profile): Configuration {
  const { queues, outcomes, connectionStrings, fullyQualifiedNamespace } = profile;
  const { requests, sessions, intake = configuration.queues.intake } = queues;
  return {
    ...configuration,
    connection: connectionStrings ? { connectionString: connectionStrings.worker } : { fullyQualifiedNamespace },
    queues: { ...configuration.queues, requests, sessions, intake },
    ...(outcomes && { outcomes }),
  };
}
