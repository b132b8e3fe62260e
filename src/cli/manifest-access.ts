import { clusterTrainers } from './manifest-checks.ts';
import type { Manifest } from './manifest-object.ts';
import { namespaced } from './manifest-jobs.ts';
import { labelsOf } from './manifest-pod.ts';
import type { ManifestSettings } from './manifest-settings.ts';
import { knownHere } from './manifest-source.ts';

/** The service account of every pod, and what it may do in the cluster: nothing, unless a trainer makes Jobs. */
export function accessManifests(settings: ManifestSettings): Manifest[] {
  const { name, namespace, clientId, createNamespace, source } = settings;
  const account: Manifest = {
    object: namespaced(settings, {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: {
        name,
        labels: labelsOf(name, 'access'),
        ...(clientId !== undefined && { annotations: { 'azure.workload.identity/client-id': clientId } }),
      },
      automountServiceAccountToken: false,
    }),
    ...(clientId !== undefined && {
      comment: `The pods sign in to Azure as this managed identity: it needs a federated credential for system:serviceaccount:${namespace ?? 'NAMESPACE'}:${name}, and the
roles Azure Service Bus Data Receiver and Data Sender${source.configuration.registry.azureBlob ? ', and Storage Blob Data Contributor on the container of the registry' : ''}.`,
    }),
  };
  return [
    ...(createNamespace && namespace !== undefined
      ? [{ object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } } }]
      : []),
    account,
    ...trainerRights(settings),
  ];
}

/** For trainers that make Jobs, in each namespace in which they do (docs/trainer-kubernetes.md, "Rights"). */
function trainerRights(settings: ManifestSettings): Manifest[] {
  const { name, namespace, source } = settings;
  const trainers = clusterTrainers(source.configuration);
  if (namespace === undefined) return [];
  const places = trainers.map((trainer) =>
    trainer.namespace === undefined ? namespace : knownHere(trainer.namespace, 'trainer.kubernetes.namespace'),
  );
  return [...new Set(places)].sort().flatMap((place) => {
    const readsLogs = trainers.some(({ logs }, at) => places[at] === place && logs !== false);
    const metadata = { name: `${name}-trainer`, namespace: place, labels: labelsOf(name, 'access') };
    const role: Manifest = {
      comment: 'What a Kubernetes trainer does: a Job for each run, and the run of a Job.',
      object: {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata,
        rules: [
          { apiGroups: ['batch'], resources: ['jobs'], verbs: ['create', 'get', 'delete'] },
          { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
          { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
          ...(readsLogs ? [{ apiGroups: [''], resources: ['pods/log'], verbs: ['get'] }] : []),
        ],
      },
    };
    const binding: Manifest = {
      object: {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata,
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name },
        subjects: [{ kind: 'ServiceAccount', name, namespace }],
      },
    };
    return [role, binding];
  });
}
