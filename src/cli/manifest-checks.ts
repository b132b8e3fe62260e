import { RetrainError } from '../errors.ts';
import type { Configuration } from '../retraining/configuration/configuration.ts';
import type { ModelSettings } from '../retraining/configuration/model-settings.ts';
import { isLoopback } from '../retraining/listener/loopback.ts';
import { isUnknownHere, WORK_FOLDER } from './manifest-source.ts';
import type { ManifestSource } from './manifest-source.ts';

/** A key of Azure that stands in the file itself. */
const LITERAL_KEY = /(SharedAccessKey|AccountKey|SharedAccessSignature)=(?!\$\{)[^;\s"']/i;

/** What a container needs as the image has it, or as another volume: a disk in its place, or above it, would hide it. */
const KEPT_FOLDERS = [WORK_FOLDER, '/tmp', '/opt/retrain', '/usr/local/bin', '/etc'] as const;

/** Keys in the values that stand in the manifests. @throws RetrainError `ARGUMENT_INVALID`; no value is shown */
export function checkGivenVariables(env: Readonly<Record<string, string>>): void {
  const name = Object.keys(env).find((each) => LITERAL_KEY.test(env[each] ?? ''));
  if (name === undefined) return;
  throw new RetrainError(
    'ARGUMENT_INVALID',
    `--env ${name} has a key, and stands in the manifests for everybody to read: leave it out, and put ${name} into the Secret`,
  );
}

/**
 * Refuses what jobs on ephemeral disks cannot have.
 *
 * @throws RetrainError with field, value and remedy
 */
export function checkManifestSource(
  { file, text, configuration, stateFolder }: ManifestSource,
  { namespace, asSecret }: { namespace: string | undefined; asSecret: boolean },
): void {
  const refuse = (reason: string): never => {
    throw new RetrainError('CONFIGURATION_INVALID', `${file}: ${reason}`);
  };
  const { connection, queues, registry, listen } = configuration;
  if (!connection)
    refuse(
      'names no connection, and the embedded broker is for one machine: add connection.connectionString, such as ${RETRAIN_CONNECTION_STRING}, or connection.fullyQualifiedNamespace',
    );
  if (registry.file)
    refuse(
      'registry.file is a folder of one host, and the disk of a job goes with it: use registry.azureBlob or registry.mlflow',
    );
  const hidden = KEPT_FOLDERS.find((folder) => `${folder}/`.startsWith(`${stateFolder.replace(/\/$/, '')}/`));
  if (hidden !== undefined)
    refuse(
      `folders.state is ${stateFolder} in a container, and a disk there would hide ${hidden}: use a folder of its own, such as .retrain`,
    );
  if (!queues.sessions)
    refuse(
      'queues.sessions = false keeps the ledgers on the disk of the one worker, and the disk of a job goes with it: use a queue with sessions, as in the tiers Standard and Premium',
    );
  if (!asSecret && LITERAL_KEY.test(text))
    refuse(
      'a key stands in the file, and a ConfigMap is no secret: name a variable, such as ${RETRAIN_CONNECTION_STRING}, or give --secret-configuration',
    );
  if (listen) checkListener(listen, refuse);
  if (namespace === undefined && clusterTrainers(configuration).length > 0)
    refuse('has a Kubernetes trainer, whose rights are given to a service account of a namespace: give --namespace');
}

function checkListener(
  { host, port, tokens }: NonNullable<Configuration['listen']>,
  refuse: (reason: string) => never,
): void {
  if (isLoopback(host)) refuse(`listen.host = ${host} is reached from its own pod only: use 0.0.0.0, with tokens`);
  if (tokens.length === 0)
    refuse(
      'listen.tokens is empty, and the listener is reached from other pods: add a token, such as ${RETRAIN_TOKEN}',
    );
  if (port === 0)
    refuse('listen.port = 0 takes any port, and a Service needs one that is known: use a number of 1 to 65535');
  if (isUnknownHere(host))
    refuse('listen.host comes from a variable that is not known here: give it by --env NAME=VALUE');
}

/** Every policy of the configuration: of the models that are named, and of the others. */
export function allModels({ models, otherModels }: Configuration): ModelSettings[] {
  return [...models.values(), ...(otherModels ? [otherModels] : [])];
}

/** The Kubernetes trainers that work by the service account of the worker's pod. */
export function clusterTrainers(configuration: Configuration): NonNullable<ModelSettings['trainer']['kubernetes']>[] {
  return allModels(configuration).flatMap(({ trainer: { kubernetes } }) =>
    kubernetes && kubernetes.kubeconfig === undefined ? [kubernetes] : [],
  );
}
