import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { ManifestSettings } from './manifest-settings.ts';
import { WORK_FOLDER } from './manifest-source.ts';

/** User and group `node` of the image. */
const USER = 1_000;

export interface ContainerPart {
  readonly name: string;
  readonly args: readonly string[];
  readonly resources: { readonly cpu: string; readonly memory: string };
  /** Of the HTTP listener. */
  readonly port?: number;
}

export interface PodPart {
  readonly containers: readonly ContainerPart[];
  /** The claim of a disk that outlives the pod; without one the state folder goes with it. */
  readonly claim?: string;
  readonly graceS: number;
  readonly restartPolicy: 'Never' | 'Always';
  /** Whether the pod asks the API server. */
  readonly asksCluster: boolean;
}

/** The template of a pod: no root, nothing to write on but the state folder and /tmp. */
export function podTemplate(
  settings: ManifestSettings,
  component: string,
  { containers, claim, graceS, restartPolicy, asksCluster }: PodPart,
): Record<string, unknown> {
  const { name, clientId } = settings;
  const file = configurationName(name);
  const volume =
    settings.configurationKind === 'Secret' ? { secret: { secretName: file } } : { configMap: { name: file } };
  return {
    metadata: {
      labels: {
        ...labelsOf(name, component),
        ...(clientId !== undefined && { 'azure.workload.identity/use': 'true' }),
      },
      annotations: configurationAnnotation(settings),
    },
    spec: {
      serviceAccountName: name,
      automountServiceAccountToken: asksCluster,
      restartPolicy,
      terminationGracePeriodSeconds: graceS,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: USER,
        runAsGroup: USER,
        fsGroup: USER,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: containers.map((container) => containerOf(settings, container)),
      volumes: [
        { name: 'configuration', ...volume },
        {
          name: 'state',
          ...(claim === undefined ? { emptyDir: {} } : { persistentVolumeClaim: { claimName: claim } }),
        },
        { name: 'tmp', emptyDir: {} },
      ],
    },
  };
}

function containerOf(
  settings: ManifestSettings,
  { name, args, resources, port }: ContainerPart,
): Record<string, unknown> {
  const { mountedAt, stateFolder } = settings.source;
  const env = variablesOf(settings);
  return {
    name,
    image: settings.image,
    args: [...args, '--config', mountedAt],
    workingDir: WORK_FOLDER,
    ...(env.length > 0 && { env }),
    ...(port !== undefined && {
      ports: [{ name: 'http', containerPort: port }],
      livenessProbe: { httpGet: { path: '/livez', port: 'http' }, periodSeconds: 20 },
      readinessProbe: { httpGet: { path: '/readyz', port: 'http' }, periodSeconds: 10 },
    }),
    resources: { requests: { ...resources }, limits: { memory: resources.memory } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: 'configuration', mountPath: mountedAt, subPath: posix.basename(mountedAt), readOnly: true },
      { name: 'state', mountPath: stateFolder },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
}

/** One by one: the Secret also has KEDA's key, which no container is given. */
function variablesOf({ env, variables, secret }: ManifestSettings): Record<string, unknown>[] {
  return [
    ...Object.entries(env).map(([name, value]) => ({ name, value })),
    ...variables.map(({ name, isNeeded }) => ({
      name,
      valueFrom: { secretKeyRef: { name: secret, key: name, ...(!isNeeded && { optional: true }) } },
    })),
  ].sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function labelsOf(name: string, component: string): Record<string, string> {
  return {
    'app.kubernetes.io/name': 'retrain',
    'app.kubernetes.io/instance': name,
    'app.kubernetes.io/component': component,
  };
}

export function configurationName(name: string): string {
  return `${name}-configuration`;
}

/** Changes with the file: then KEDA starts the next jobs from it, and Deployments roll. */
export function configurationAnnotation({ source }: ManifestSettings): Record<string, string> {
  return { 'retrain/configuration-sha256': createHash('sha256').update(source.text).digest('hex') };
}
