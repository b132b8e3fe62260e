import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubernetesObject } from '../../src/cli/manifest-object.ts';
import { manifestSettings } from '../../src/cli/manifest-settings.ts';
import type { ManifestFlags } from '../../src/cli/manifest-settings.ts';
import { manifestJson } from '../../src/cli/manifest-text.ts';
import { CLIENT_ID, IMAGE, IN_THE_CLUSTER, SCALER_CLIENT_ID, WHOLE } from '../cli/manifest-files.ts';
import { ApiClient } from '../retraining/trainers/kubernetes/api-client.ts';
import { RealServer } from './real-server.ts';

// A real API server takes what `retrain manifests k8s` prints, field by field: it refuses what its own types do not have. KEDA's two
// types are made here without a schema, so of them only the names are tested, and the Job in them, which is made as a Job, too.

const { RETRAIN_KUBE_APISERVER: apiserver, RETRAIN_ETCD: etcd } = process.env;
/** Fields that it does not know are errors, not warnings. */
const DRY_RUN = '?dryRun=All&fieldValidation=Strict';
const KEDA_TYPES = { ScaledJob: 'scaledjobs', TriggerAuthentication: 'triggerauthentications' } as const;
const NAMESPACES = ['ml', 'training'];
const READY_TRIES = 100;
const READY_PAUSE_MS = 100;

const folder = mkdtempSync(join(tmpdir(), 'retrain-manifests-'));
const ready: { server?: RealServer; admin?: ApiClient } = {};

before(async () => {
  assert.ok(
    apiserver && etcd,
    'set RETRAIN_KUBE_APISERVER and RETRAIN_ETCD to the two programs: test/kubernetes/README.md',
  );
  ready.server = await RealServer.open({ apiserver, etcd });
  const admin = new ApiClient(ready.server.admin);
  ready.admin = admin;
  for (const name of NAMESPACES) await admin.call('POST', '/api/v1/namespaces', { body: { metadata: { name } } });
  for (const [kind, plural] of Object.entries(KEDA_TYPES)) {
    await admin.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      body: customType(kind, plural),
    });
    await served(admin, `/apis/keda.sh/v1alpha1/namespaces/default/${plural}`);
  }
});

after(async () => {
  await ready.server?.close();
  rmSync(folder, { recursive: true, force: true });
});

function customType(kind: string, plural: string): object {
  const openAPIV3Schema = {
    type: 'object',
    properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.keda.sh`,
    },
    spec: {
      group: 'keda.sh',
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase() },
      versions: [{ name: 'v1alpha1', served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  };
}

/** A new type is served a moment after it was made. */
async function served(admin: ApiClient, path: string): Promise<void> {
  for (let tries = 0; tries < READY_TRIES; tries++) {
    const { status } = await admin.call('GET', path, { also: [404] }).catch(() => ({ status: 404 }));
    if (status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, READY_PAUSE_MS));
  }
  assert.fail(`${path} is not served`);
}

function pathOf({ apiVersion, kind, metadata: { namespace = 'default' } }: KubernetesObject): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const plural = `${kind.toLowerCase()}s`;
  return kind === 'Namespace' ? `${root}/${plural}` : `${root}/namespaces/${namespace}/${plural}`;
}

async function objectsOf(text: string, flags: ManifestFlags): Promise<KubernetesObject[]> {
  const config = join(folder, 'retrain.yaml');
  writeFileSync(config, text);
  const json = manifestJson(await manifestSettings({ config, image: IMAGE, ...flags }));
  return (JSON.parse(json) as { items: KubernetesObject[] }).items;
}

/** The Job that KEDA makes of a ScaledJob. */
function jobOf({ metadata, ...object }: KubernetesObject): KubernetesObject {
  const { jobTargetRef } = object['spec'] as { jobTargetRef: unknown };
  return { apiVersion: 'batch/v1', kind: 'Job', metadata, spec: jobTargetRef };
}

const CASES: readonly { readonly what: string; readonly text: string; readonly flags: ManifestFlags }[] = [
  { what: 'keys, monitors and notices', text: WHOLE, flags: { namespace: 'ml' } },
  { what: 'a Secret, and no namespace', text: WHOLE, flags: { secretConfiguration: true } },
  {
    what: 'identities, Jobs of the cluster and a listener',
    text: IN_THE_CLUSTER,
    flags: { namespace: 'ml', clientId: CLIENT_ID, scalerClientId: SCALER_CLIENT_ID },
  },
];

for (const { what, text, flags } of CASES)
  test(`a real API server takes every object: ${what}`, async () => {
    const { admin } = ready;
    assert.ok(admin);
    const objects = await objectsOf(text, flags);
    const jobs = objects.filter(({ kind }) => kind === 'ScaledJob').map(jobOf);
    assert.ok(jobs.length > 0);
    for (const object of [...objects, ...jobs]) {
      const { value } = await admin.call('POST', `${pathOf(object)}${DRY_RUN}`, { body: object });
      assert.equal(value.kind, object.kind);
    }
  });

test('a namespace that is printed can be made, and a field that Kubernetes does not have is noticed', async () => {
  const { admin } = ready;
  assert.ok(admin);
  const objects = await objectsOf(WHOLE, { namespace: 'fresh', createNamespace: true });
  const [namespace] = objects;
  assert.equal(namespace?.kind, 'Namespace');
  await admin.call('POST', `${pathOf(namespace)}${DRY_RUN}`, { body: namespace });
  const account = objects.find(({ kind }) => kind === 'ServiceAccount');
  assert.ok(account);
  const wrong = { ...account, metadata: { name: 'x', namespace: 'ml' }, unknownField: true };
  await assert.rejects(
    admin.call('POST', `${pathOf(wrong)}${DRY_RUN}`, { body: wrong }),
    /unknown field \\?"unknownField/,
  );
});
