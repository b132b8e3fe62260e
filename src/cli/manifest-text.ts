import { Document, isMap, isNode, isScalar, isSeq } from 'yaml';
import { accessManifests } from './manifest-access.ts';
import { clusterTrainers } from './manifest-checks.ts';
import { intakeJob, namespaced, triggerAuthentication, workerJob } from './manifest-jobs.ts';
import type { Manifest } from './manifest-object.ts';
import { configurationName, labelsOf } from './manifest-pod.ts';
import { runningServices } from './manifest-services.ts';
import { SCALER_KEY } from './manifest-settings.ts';
import type { ManifestSettings } from './manifest-settings.ts';
import { WORK_FOLDER } from './manifest-source.ts';

/** All objects, in the order in which they are needed. */
function manifestsOf(settings: ManifestSettings): Manifest[] {
  const { intake, listen } = settings.source.configuration;
  return [
    ...accessManifests(settings),
    configurationManifest(settings),
    triggerAuthentication(settings),
    workerJob(settings),
    // A listener that runs all the time takes the events, too.
    ...(intake && !listen ? [intakeJob(settings)] : []),
    ...runningServices(settings),
  ];
}

/** One YAML document for each object, with comments; equal settings give equal texts. */
export function manifestYaml(settings: ManifestSettings): string {
  const documents = manifestsOf(settings).map((manifest) => documentText(manifest));
  return `${commented(preface(settings))}\n---\n${documents.join('---\n')}`;
}

/** A `v1` List. */
export function manifestJson(settings: ManifestSettings): string {
  const items = manifestsOf(settings).map(({ object }) => object);
  return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, undefined, 2)}\n`;
}

/** The file as it is: variables are filled in where it is read. */
function configurationManifest(settings: ManifestSettings): Manifest {
  const { name, configurationKind, source } = settings;
  const data = { [source.mountedAt.slice(WORK_FOLDER.length + 1)]: source.text };
  return {
    comment: `${source.file}, as it is: variables are filled in by the containers. Make these manifests anew when it changes.`,
    object: namespaced(settings, {
      apiVersion: 'v1',
      kind: configurationKind,
      metadata: { name: configurationName(name), labels: labelsOf(name, 'configuration') },
      ...(configurationKind === 'Secret' ? { stringData: data } : { data }),
    }),
  };
}

function preface(settings: ManifestSettings): string {
  const { source, scaler, clientId } = settings;
  const steps = [
    'KEDA has to be in the cluster (https://keda.sh; the fields are those of its version 2.20).',
    ...secretSteps(settings),
    ...(clientId !== undefined || scaler.by === 'workload-identity'
      ? [
          'Workload identity of Azure AD has to be set up in the cluster, with the identities and roles that are named below.',
        ]
      : []),
    `What the configuration names by a relative path (programs, modules, templates) has to be in the image, under ${WORK_FOLDER}.`,
    ...(clusterTrainers(source.configuration).length > 0
      ? ['For the Kubernetes trainer the image needs @kubernetes/client-node as well: see docs/kubernetes.md.']
      : []),
  ];
  return [
    `Made by retrain manifests k8s from ${source.file}; see docs/kubernetes.md. Needed before it is applied:`,
    ...steps.map((step) => `- ${step}`),
  ].join('\n');
}

function secretSteps({ namespace, secret, scaler, variables }: ManifestSettings): string[] {
  const keys = [
    ...variables.map(({ name, isNeeded }) => ({ name, isNeeded })),
    ...(scaler.by === 'connection-string' ? [{ name: SCALER_KEY, isNeeded: true }] : []),
  ];
  if (keys.length === 0) return [];
  const flags = keys.filter(({ isNeeded }) => isNeeded).map(({ name }) => ` --from-literal=${name}=…`);
  const optional = keys.filter(({ isNeeded }) => !isNeeded).map(({ name }) => name);
  // Keys that may be missing may be missing all together, and the Secret with them.
  if (flags.length === 0)
    return [
      `If another value than its default is wanted for ${optional.join(', ')}: the Secret ${secret}, with a key of that name.`,
    ];
  const place = namespace === undefined ? '' : ` --namespace ${namespace}`;
  const lines = [
    `The Secret ${secret}, with a key for each variable that the configuration names${scaler.by === 'connection-string' ? `, and ${SCALER_KEY} for KEDA` : ''}:`,
    `    kubectl create secret generic ${secret}${place}${flags.join('')}`,
    ...(optional.length > 0
      ? [`  With a key of its own there, each of these has another value than its default: ${optional.join(', ')}.`]
      : []),
  ];
  return [lines.join('\n')];
}

function documentText({ object, comment, remarks = [] }: Manifest): string {
  const document = new Document(object, { aliasDuplicateObjects: false });
  for (const { path, text } of remarks) remark(document, path, text);
  const text = document.toString({ lineWidth: 0 });
  return comment === undefined ? text : `${commented(comment)}\n${text}`;
}

/** Puts a comment above the field at a path. */
function remark(document: Document, path: readonly (string | number)[], text: string): void {
  const parent = path.length > 1 ? document.getIn(path.slice(0, -1), true) : document.contents;
  const last = path.at(-1);
  if (isSeq(parent)) {
    const item = parent.get(Number(last), true);
    if (isNode(item)) item.commentBefore = spaced(text);
  } else if (isMap(parent)) {
    const key = parent.items.map((pair) => pair.key).find((each) => isScalar(each) && each.value === last);
    if (isNode(key)) key.commentBefore = spaced(text);
  }
}

function spaced(text: string): string {
  return text.replaceAll(/^/gm, ' ');
}

function commented(text: string): string {
  return text.replaceAll(/^/gm, '# ');
}
