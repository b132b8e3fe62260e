import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiClient } from '../retraining/trainers/kubernetes/api-client.ts';
import type { ApiAccess } from '../retraining/trainers/kubernetes/api-client.ts';

/** What the worker is allowed to do; the documentation gives the same rules. */
export const WORKER_RULES = [
  { apiGroups: ['batch'], resources: ['jobs'], verbs: ['create', 'get', 'delete'] },
  { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
  { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] },
];

const READY_WITHIN_MS = 60_000;

/** A real kube-apiserver over a real etcd, both of this machine, and nothing else of a cluster. */
export class RealServer {
  /** May do everything. */
  readonly admin: ApiAccess;
  /** May do what a worker is allowed to. */
  readonly worker: ApiAccess;
  readonly #folder: string;
  readonly #processes: readonly ChildProcess[];

  private constructor(parts: { admin: ApiAccess; worker: ApiAccess; folder: string; processes: ChildProcess[] }) {
    this.admin = parts.admin;
    this.worker = parts.worker;
    this.#folder = parts.folder;
    this.#processes = parts.processes;
  }

  /** `programs`: paths of the two. */
  static async open(programs: { apiserver: string; etcd: string }): Promise<RealServer> {
    const folder = mkdtempSync(join(tmpdir(), 'retrain-kubernetes-'));
    const [port, clientPort, peerPort] = [await freePort(), await freePort(), await freePort()];
    const tokens = { admin: randomBytes(16).toString('hex'), worker: randomBytes(16).toString('hex') };
    const [client, peer] = [`http://127.0.0.1:${clientPort}`, `http://127.0.0.1:${peerPort}`];
    const processes = [
      run(folder, programs.etcd, {
        'data-dir': join(folder, 'etcd'),
        'listen-client-urls': client,
        'advertise-client-urls': client,
        'listen-peer-urls': peer,
        'initial-advertise-peer-urls': peer,
        'initial-cluster': `default=${peer}`,
        'unsafe-no-fsync': 'true',
      }),
    ];
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    writeFileSync(join(folder, 'sa.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    writeFileSync(join(folder, 'sa.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
    const users = `${tokens.admin},admin,1,system:masters\n${tokens.worker},retrain-worker,2\n`;
    writeFileSync(join(folder, 'tokens.csv'), users, { mode: 0o600 });
    processes.push(
      run(folder, programs.apiserver, {
        'etcd-servers': client,
        'secure-port': String(port),
        'bind-address': '127.0.0.1',
        // Which would refuse an address of the loopback.
        'endpoint-reconciler-type': 'none',
        'cert-dir': join(folder, 'certificates'),
        'service-cluster-ip-range': '10.0.0.0/24',
        'service-account-issuer': 'https://kubernetes.default.svc',
        'service-account-key-file': join(folder, 'sa.pub'),
        'service-account-signing-key-file': join(folder, 'sa.key'),
        'token-auth-file': join(folder, 'tokens.csv'),
        'authorization-mode': 'RBAC',
        // The controllers that make a namespace's service account and its token are not there.
        'disable-admission-plugins': 'ServiceAccount',
        'kubelet-preferred-address-types': 'InternalIP',
      }),
    );
    const ca = await readyCertificate(join(folder, 'certificates', 'apiserver.crt'));
    const [admin, worker] = [tokens.admin, tokens.worker].map((token) => ({
      server: `https://127.0.0.1:${port}`,
      ca,
      token,
    })) as [ApiAccess, ApiAccess];
    const server = new RealServer({ admin, worker, folder, processes });
    try {
      await server.#ready();
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const process of [...this.#processes].reverse()) {
      if (process.exitCode !== null || process.signalCode !== null) continue;
      const ended = once(process, 'exit');
      process.kill('SIGTERM');
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #ready(): Promise<void> {
    const api = new ApiClient(this.admin);
    await eventually(`kube-apiserver (see ${this.#folder})`, async () => {
      await api.call('GET', '/apis/batch/v1');
      await api.call('GET', '/api/v1/namespaces/kube-system');
    });
  }
}

function run(folder: string, program: string, flags: Record<string, string>): ChildProcess {
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const last: Buffer[] = [];
  child.stderr?.on('data', (chunk: Buffer) => {
    last.push(chunk);
    if (last.length > 50) last.shift();
  });
  child.once('exit', (code, signal) => {
    if (signal === null && code !== 0)
      process.stderr.write(`${program} ended with ${code}\n${Buffer.concat(last).toString()}\n`);
  });
  return child;
}

async function readyCertificate(file: string): Promise<string> {
  await eventually(file, () => (existsSync(file) ? Promise.resolve() : Promise.reject(new Error('not there'))));
  return readFileSync(file, 'utf8');
}

async function eventually(what: string, check: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS;
  for (;;) {
    try {
      await check();
      return;
    } catch (cause) {
      if (performance.now() > deadline) throw new Error(`${what} did not come up`, { cause });
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
