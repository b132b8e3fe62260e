import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { ApiClient } from '../retraining/trainers/kubernetes/api-client.ts';
import { ApiDouble } from '../retraining/trainers/kubernetes/api-double.ts';
import { KubernetesGround } from '../retraining/trainers/kubernetes/kubernetes-ground.ts';
import { runOf } from '../retraining/trainers/run-fixture.ts';
import { failed, trainerSuite } from '../retraining/trainers/trainer-suite.ts';
import { RealServer, WORKER_RULES } from './real-server.ts';

// The suite of every trainer against a real API server. Controllers, scheduler and kubelet are played, the kubelet's logs
// too, which the API server fetches from it. The trainer has a worker's rights, no more.

const { RETRAIN_KUBE_APISERVER: apiserver, RETRAIN_ETCD: etcd } = process.env;

const ready: { server?: RealServer; admin?: ApiClient } = {};
const grounds = new Map<string, KubernetesGround>();
let namespaces = 0;

const kubelet = createServer((request, response) => {
  const url = new URL(request.url ?? '', 'https://kubelet');
  const [, , namespace = '', pod = ''] = url.pathname.split('/');
  grounds.get(namespace)?.player.writeLog(pod, url.searchParams, response);
});

before(async () => {
  assert.ok(
    apiserver && etcd,
    'set RETRAIN_KUBE_APISERVER and RETRAIN_ETCD to the two programs: test/kubernetes/README.md',
  );
  const { server: own } = await ApiDouble.certificate();
  kubelet.setSecureContext({ key: own.key, cert: own.certificate });
  kubelet.listen(0, '127.0.0.1');
  await once(kubelet, 'listening');
  const server = await RealServer.open({ apiserver, etcd });
  const admin = new ApiClient(server.admin);
  Object.assign(ready, { server, admin });
  await admin.call('POST', '/api/v1/nodes', { body: { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } } });
  const { port } = kubelet.address() as AddressInfo;
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
  };
  await admin.call('PATCH', '/api/v1/nodes/node-1/status', { body: { status } });
});

after(async () => {
  await ready.server?.close();
  kubelet.close();
  kubelet.closeAllConnections();
});

async function newNamespace(admin: ApiClient): Promise<string> {
  const namespace = `training-${++namespaces}`;
  await admin.call('POST', '/api/v1/namespaces', { body: { metadata: { name: namespace } } });
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  const metadata = { name: 'retrain-worker' };
  await admin.call('POST', `${rbac}/roles`, { body: { metadata, rules: WORKER_RULES } });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name };
  const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'retrain-worker' }];
  await admin.call('POST', `${rbac}/rolebindings`, { body: { metadata, roleRef, subjects } });
  return namespace;
}

trainerSuite({
  name: 'kubernetes, real API server',
  reattaches: true,
  open: async (t, training, limits) => {
    const { server, admin } = ready;
    assert.ok(server && admin);
    const namespace = await newNamespace(admin);
    const ground = new KubernetesGround(t, { access: server.admin, asked: server.worker, namespace, training, limits });
    grounds.set(namespace, ground);
    return ground;
  },
});

test('kubernetes, real API server: a template that it does not take is permanent, with its reason', async (t) => {
  const { server, admin } = ready;
  assert.ok(server && admin);
  const namespace = await newNamespace(admin);
  const training = { does: 'hang' } as const;
  const ground = new KubernetesGround(t, { access: server.admin, asked: server.worker, namespace, training });
  const container = { name: 'train', image: 'example.net/train:1', ports: [{ containerPort: 99_999 }] };
  const jobTemplate = { spec: { template: { spec: { containers: [container] } } } };
  const end = failed(await ground.trainer({ jobTemplate }).start(runOf()).result);
  assert.equal(end.meaning, 'permanent');
  assert.match(end.reason, /422.*containerPort/);
});
