import { ANY_MODEL } from '../retraining/configuration/configuration-schema.ts';
import type { Configuration } from '../retraining/configuration/configuration.ts';
import { parseConnection } from '../retraining/connection.ts';

/** What `config check --json` prints: what there is, without any secret. */
export interface ConfigurationSummary {
  readonly file: string;
  readonly stateFolder: string;
  /** Host of the broker, or `embedded`. */
  readonly broker: string;
  readonly queue: string;
  /** The names; `*` stands for every other one. */
  readonly models: readonly string[];
  readonly monitors: number;
  readonly intakeRules: number;
  readonly notifyRules: number;
}

/** @throws RetrainError `CONNECTION_STRING_INVALID` when the connection string cannot be used */
export function configurationSummary(configuration: Configuration): ConfigurationSummary {
  const { file, folders, connection, queues, models, otherModels, intake, notify } = configuration;
  const host =
    connection?.connectionString === undefined
      ? connection?.fullyQualifiedNamespace
      : parseConnection(connection.connectionString).host;
  return {
    file,
    stateFolder: folders.state,
    broker: host ?? 'embedded',
    queue: queues.requests,
    models: [...models.keys(), ...(otherModels ? [ANY_MODEL] : [])],
    monitors: [...models.values()].reduce((sum, { monitors }) => sum + monitors.length, 0),
    intakeRules: intake?.rules.length ?? 0,
    notifyRules: notify.length,
  };
}
