import { InvalidArgumentError } from 'commander';
import { RetrainError } from '../errors.ts';
import type { Variable } from '../retraining/configuration/environment.ts';
import { checkGivenVariables, checkManifestSource } from './manifest-checks.ts';
import { isUnknownHere, knownHere, readManifestSource } from './manifest-source.ts';
import type { ManifestSource } from './manifest-source.ts';

/** Jobs of the worker at the same time, unless it is said: one for each named model, at most so many. */
const REPLICAS_DEFAULT_MAX = 10;
const POLLING_INTERVAL_S = 30;
/** Leaves room for what is added: labels have 63 characters, and a Job's name gets a suffix. */
const NAME_MAX_LENGTH = 40;
/** The name of the configuration's Secret key that is for KEDA only. */
export const SCALER_KEY = 'KEDA_CONNECTION_STRING';

/** What `retrain manifests k8s` takes. */
export interface ManifestFlags {
  readonly config?: string;
  readonly image?: string;
  readonly namespace?: string;
  readonly createNamespace?: true;
  readonly name?: string;
  readonly serviceBus?: string;
  readonly identity?: 'workload';
  readonly clientId?: string;
  readonly scalerClientId?: string;
  readonly connectionSecret?: string;
  readonly secretConfiguration?: true;
  readonly env?: Readonly<Record<string, string>>;
  readonly maxReplicas?: number;
  readonly pollingInterval?: number;
  readonly cpu?: string;
  readonly memory?: string;
}

/** How KEDA looks into the queues. */
export type ScalerAccess =
  | { readonly by: 'workload-identity'; readonly identityId: string | undefined }
  | { readonly by: 'connection-string'; readonly secret: string };

/** Everything that the manifests say, checked. */
export interface ManifestSettings {
  readonly source: ManifestSource;
  readonly name: string;
  readonly namespace: string | undefined;
  readonly createNamespace: boolean;
  readonly image: string;
  readonly scaler: ScalerAccess;
  /** Of the pods, by workload identity; undefined: they have none. */
  readonly clientId: string | undefined;
  /** The namespace of Service Bus: `contoso`, and the host's rest when it is not that of the public cloud. */
  readonly serviceBus: { readonly namespace: string; readonly endpointSuffix: string | undefined } | undefined;
  /** The Secret that the user makes. */
  readonly secret: string;
  /** From that Secret. */
  readonly variables: readonly Variable[];
  /** As they are. */
  readonly env: Readonly<Record<string, string>>;
  readonly configurationKind: 'ConfigMap' | 'Secret';
  readonly maxReplicas: number;
  readonly pollingIntervalS: number;
  readonly cpu: string;
  readonly memory: string;
}

/** @throws RetrainError `ARGUMENT_INVALID` and `CONFIGURATION_INVALID`, also for what a job cannot have */
export async function manifestSettings(flags: ManifestFlags): Promise<ManifestSettings> {
  const { image, name = 'retrain', env = {}, namespace } = flags;
  if (image === undefined)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      '--image is missing: name the image, such as registry.example.com/retrain:1',
    );
  if (flags.createNamespace && namespace === undefined)
    throw new RetrainError('ARGUMENT_INVALID', '--create-namespace goes with --namespace: name the namespace');
  checkGivenVariables(env);
  const source = await readManifestSource(flags.config, env);
  checkManifestSource(source, { namespace, asSecret: flags.secretConfiguration === true });
  if (source.variables.some((each) => each.name === SCALER_KEY))
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      `${source.file} names the variable ${SCALER_KEY}, which is KEDA's key with the right to manage: use another name`,
    );
  const identity = identityOf(flags, source);
  const secret = flags.connectionSecret ?? `${name}-secrets`;
  const scaler: ScalerAccess =
    identity === 'workload'
      ? { by: 'workload-identity', identityId: flags.scalerClientId }
      : { by: 'connection-string', secret };
  const serviceBus = serviceBusOf(flags, source);
  if (identity === 'workload' && serviceBus === undefined)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `--service-bus is missing: KEDA that signs in by an identity has to be told the namespace, which ${source.file} does not say`,
    );
  const named = source.configuration.otherModels ? REPLICAS_DEFAULT_MAX : source.configuration.models.size;
  return {
    source,
    name,
    namespace,
    createNamespace: flags.createNamespace === true,
    image,
    scaler,
    clientId: clientIdOf(flags, source, identity),
    serviceBus,
    secret,
    variables: source.variables,
    env,
    configurationKind: flags.secretConfiguration ? 'Secret' : 'ConfigMap',
    maxReplicas: flags.maxReplicas ?? Math.min(named, REPLICAS_DEFAULT_MAX),
    pollingIntervalS: flags.pollingInterval ?? POLLING_INTERVAL_S,
    cpu: flags.cpu ?? '1',
    memory: flags.memory ?? '2Gi',
  };
}

/** By flags, else by how the configuration itself signs in. */
function identityOf(
  { identity, connectionSecret, scalerClientId, clientId }: ManifestFlags,
  { file, configuration }: ManifestSource,
): 'workload' | 'secret' {
  if (identity !== undefined && connectionSecret !== undefined)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      '--identity and --connection-secret exclude each other: give one of them',
    );
  const byToken = configuration.connection?.fullyQualifiedNamespace !== undefined;
  if (byToken && connectionSecret !== undefined)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `--connection-secret does not go with ${file}, whose connection signs in by Entra ID: give --identity workload, or let connection.connectionString name a variable`,
    );
  const chosen = identity ?? (byToken ? 'workload' : 'secret');
  if (chosen === 'secret' && (scalerClientId ?? clientId) !== undefined)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `--${clientId === undefined ? 'scaler-client-id' : 'client-id'} goes with --identity workload: add it`,
    );
  return chosen;
}

function clientIdOf(
  { clientId }: ManifestFlags,
  { file, configuration }: ManifestSource,
  identity: 'workload' | 'secret',
): string | undefined {
  if (identity === 'secret') return undefined;
  const configured = configuration.connection?.clientId;
  const found = clientId ?? (configured === undefined ? undefined : knownHere(configured, 'connection.clientId'));
  if (found === undefined && configuration.connection?.fullyQualifiedNamespace !== undefined)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `--client-id is missing: ${file} signs in by Entra ID, name the client id of the worker's managed identity`,
    );
  return found;
}

const PUBLIC_SUFFIX = 'servicebus.windows.net';

function serviceBusOf(
  { serviceBus }: ManifestFlags,
  { configuration, file }: ManifestSource,
): ManifestSettings['serviceBus'] {
  const host = configuration.connection?.fullyQualifiedNamespace;
  const configured = host === undefined || isUnknownHere(host) ? undefined : namespaceOf(host);
  const given = serviceBus === undefined ? undefined : namespaceOf(serviceBus);
  if (given && configured && given.namespace.toLowerCase() !== configured.namespace.toLowerCase())
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `--service-bus = ${given.namespace}, but ${file} says ${configured.namespace}: KEDA and the worker need the same, leave it out`,
    );
  if (given === undefined && configured === undefined && host !== undefined)
    knownHere(host, 'connection.fullyQualifiedNamespace');
  return configured ?? given;
}

function namespaceOf(host: string): { namespace: string; endpointSuffix: string | undefined } {
  const [namespace = '', ...rest] = host.split('.');
  const suffix = rest.join('.');
  return { namespace, endpointSuffix: suffix === '' || suffix === PUBLIC_SUFFIX ? undefined : suffix };
}

// Parsers of option values.

export function resourceName(value: string): string {
  if (value.length <= NAME_MAX_LENGTH && /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(value)) return value;
  throw new InvalidArgumentError(
    `use at most ${NAME_MAX_LENGTH} lower case letters, digits and hyphens, a letter first`,
  );
}

export function namespaceName(value: string): string {
  if (/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(value)) return value;
  throw new InvalidArgumentError('use at most 63 lower case letters, digits and hyphens');
}

export function secretName(value: string): string {
  if (value.length <= 253 && /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/.test(value)) return value;
  throw new InvalidArgumentError('use the name of a Secret: lower case letters, digits, hyphens and dots');
}

export function imageReference(value: string): string {
  if (/^[^\s]+$/.test(value) && value.length <= 1_024) return value;
  throw new InvalidArgumentError('use the reference of an image, such as registry.example.com/retrain:1');
}

export function serviceBusName(value: string): string {
  if (/^[A-Za-z][A-Za-z0-9-]{4,48}[A-Za-z0-9](\.[A-Za-z0-9.-]+)?$/.test(value)) return value;
  throw new InvalidArgumentError(
    'use the name of a namespace of Service Bus, such as contoso or contoso.servicebus.windows.net',
  );
}

export function identityId(value: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)) return value;
  throw new InvalidArgumentError(
    'use the client id of a managed identity, such as 00000000-0000-0000-0000-000000000000',
  );
}

export function quantity(value: string): string {
  if (/^[1-9]\d*(\.\d+)?(m|[kMGT]|[KMGT]i)?$/.test(value)) return value;
  throw new InvalidArgumentError('use a quantity of Kubernetes, such as 500m, 2 or 4Gi');
}

/** Adds `NAME=VALUE` to those before it. */
export function variable(value: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [, name, text] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(value) ?? [];
  if (name === undefined || text === undefined) throw new InvalidArgumentError('use NAME=VALUE');
  return { ...before, [name]: text };
}
