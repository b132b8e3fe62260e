import type { KubernetesObject, Manifest } from './manifest-object.ts';
import { namespaced } from './manifest-jobs.ts';
import { labelsOf, podTemplate } from './manifest-pod.ts';
import type { ContainerPart } from './manifest-pod.ts';
import type { ManifestSettings } from './manifest-settings.ts';

/** Of states of monitors, the outbox, observations; of what was told. */
const STATE_SIZE = '1Gi';
/** All of them stop within 10 seconds. */
const GRACE_S = 30;
const RESOURCES = { cpu: '100m', memory: '256Mi' };

/** What runs all the time: monitors and the HTTP listener, which share a disk, and the notifier. */
export function runningServices(settings: ManifestSettings): Manifest[] {
  const { configuration } = settings.source;
  const { listen, notify, models } = configuration;
  const hasMonitors = [...models.values()].some(({ monitors }) => monitors.length > 0);
  const manifests: Manifest[] = [];
  const watching: ContainerPart[] = [
    ...(hasMonitors ? [{ name: 'monitor', args: ['monitor', '--json'], resources: RESOURCES }] : []),
    ...(listen ? [{ name: 'listener', args: ['intake', '--json'], resources: RESOURCES, port: listen.port }] : []),
  ];
  if (watching.length > 0)
    manifests.push(
      ...service(settings, {
        component: 'monitor',
        containers: watching,
        comment: watchingComment({ hasMonitors, isListening: listen !== undefined }),
      }),
    );
  if (listen) manifests.push(httpService(settings, listen.port));
  if (notify.length > 0)
    manifests.push(
      ...service(settings, {
        component: 'notify',
        containers: [{ name: 'notify', args: ['notify', '--json'], resources: RESOURCES }],
        comment: 'The notifier. What it has told is on its disk, so that nobody is told twice.',
      }),
    );
  return manifests;
}

function watchingComment({ hasMonitors, isListening }: { hasMonitors: boolean; isListening: boolean }): string {
  const parts = [
    ...(hasMonitors
      ? [
          `The monitors. Their state is on a disk of their own, so that what was read is not read again. The files that they follow have to be in the
container: add volumes for them, at the paths that the configuration names.`,
        ]
      : []),
    ...(isListening
      ? [
          `The HTTP listener takes the events of the intake queue, too, if there are rules for them: there is no ScaledJob for it.${hasMonitors ? " It shares the\nmonitors' disk, on which it puts the observations that are pushed." : ''}`,
        ]
      : []),
  ];
  return parts.join('\n');
}

/** A disk and one pod that has it: two at the same time would not know of each other. */
function service(
  settings: ManifestSettings,
  { component, containers, comment }: { component: string; containers: readonly ContainerPart[]; comment: string },
): Manifest[] {
  const { name } = settings;
  const labels = labelsOf(name, component);
  const claim = `${name}-${component}-state`;
  const deployment: KubernetesObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `${name}-${component}`, labels },
    spec: {
      replicas: 1,
      strategy: { type: 'Recreate' },
      selector: { matchLabels: labels },
      template: podTemplate(settings, component, {
        containers,
        claim,
        graceS: GRACE_S,
        restartPolicy: 'Always',
        asksCluster: false,
      }),
    },
  };
  const disk: KubernetesObject = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: claim, labels },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: STATE_SIZE } } },
  };
  return [
    { object: namespaced(settings, disk) },
    {
      object: namespaced(settings, deployment),
      comment,
      remarks: [{ path: ['spec', 'replicas'], text: 'One: its state is on one disk.' }],
    },
  ];
}

function httpService(settings: ManifestSettings, port: number): Manifest {
  const { name } = settings;
  const object = namespaced(settings, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `${name}-listener`, labels: labelsOf(name, 'monitor') },
    spec: { selector: labelsOf(name, 'monitor'), ports: [{ name: 'http', port, targetPort: 'http' }] },
  });
  return { object, comment: 'For requests and observations by HTTP, inside the cluster.' };
}
