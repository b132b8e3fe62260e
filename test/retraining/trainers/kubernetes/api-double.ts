import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { randomBytes, randomUUID } from 'node:crypto';
import { makeAuthority, makeServerCertificate } from '../../../../src/server/network/make-certificate.ts';
import type { CertificateAndKey } from '../../../../src/server/network/make-certificate.ts';
import type { ApiAccess, ApiObject } from './api-client.ts';

const PATH =
  /^\/(?:api\/v1|apis\/batch\/v1)\/namespaces\/(?<namespace>[a-z0-9-]+)\/(?<kind>jobs|pods|configmaps)(?:\/(?<name>[a-z0-9-]+))?(?:\/(?<sub>status|log))?$/;

type Changeable = Omit<ApiObject, 'metadata'> & {
  metadata: { -readonly [K in keyof ApiObject['metadata']]: ApiObject['metadata'][K] };
  [field: string]: unknown;
};

/** Writes the log of a pod, as the kubelet does. */
export type LogSource = (pod: string, query: URLSearchParams, response: ServerResponse) => void;

/**
 * An API server of Kubernetes as far as a Job's trainer meets it: TLS, bearer tokens, objects with uid and resource version, 409
 * for a name that is taken, label selectors, merge patches, the status as a resource of its own, deletion in the foreground
 * (a finalizer, until somebody takes it away), logs of pods. Errors are `Status` objects.
 */
export class ApiDouble {
  readonly access: ApiAccess;
  readonly #server: Server;
  readonly #objects = new Map<string, Changeable>();
  #version = 0;
  /** Answers in place of the server when it returns true. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  log: LogSource = (_, __, response) => void response.end();

  private constructor(server: Server, access: ApiAccess) {
    this.#server = server;
    this.access = access;
  }

  static async open(certificate: { authority: CertificateAndKey; server: CertificateAndKey }): Promise<ApiDouble> {
    const { authority, server: own } = certificate;
    const server = createServer({ key: own.key, cert: own.certificate });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const token = randomBytes(16).toString('hex');
    const double = new ApiDouble(server, { server: `https://127.0.0.1:${port}`, ca: authority.certificate, token });
    server.on('request', (request, response) => void double.#answer(request, response));
    return double;
  }

  /** Certificates for every double of a test file: making keys takes its time. */
  static async certificate(): Promise<{ authority: CertificateAndKey; server: CertificateAndKey }> {
    const [fromMs, toMs] = [Date.now() - 60_000, Date.now() + 3_600_000];
    // A positive number: Go refuses others.
    const serial = (): Buffer => Buffer.concat([Buffer.of(1), randomBytes(7)]);
    const authority = await makeAuthority({ serial: serial(), fromMs, toMs });
    const server = await makeServerCertificate(authority, ['127.0.0.1'], { serial: serial(), fromMs, toMs });
    return { authority, server };
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers } = request;
    const url = new URL(request.url ?? '', 'https://api');
    const text = Buffer.concat(await request.toArray()).toString();
    if (this.intercept?.(request, response)) return;
    if (headers.authorization !== `Bearer ${this.access.token}`) return fail(response, 401, 'Unauthorized');
    const { namespace = '', kind = '', name, sub } = PATH.exec(url.pathname)?.groups ?? {};
    const key = `${namespace}/${kind}/`;
    if (name === undefined) {
      if (method === 'POST') return this.#create(key, JSON.parse(text) as Changeable, response);
      return send(response, 200, { kind: 'List', items: this.#list(key, url.searchParams.get('labelSelector')) });
    }
    const object = this.#objects.get(key + name);
    if (!object) return fail(response, 404, 'NotFound', `${kind} "${name}" not found`);
    if (sub === 'log') return this.log(name, url.searchParams, response);
    if (method === 'PATCH') {
      const patch = JSON.parse(text) as Record<string, unknown>;
      mergeInto(object, sub === 'status' ? { status: patch['status'] } : { ...patch, status: undefined });
    }
    if (method === 'DELETE') this.#delete(key + name, object, text);
    if (method !== 'GET') object.metadata.resourceVersion = String(++this.#version);
    if (object.metadata.deletionTimestamp !== undefined && !object.metadata.finalizers?.length)
      this.#objects.delete(key + name);
    send(response, 200, object);
  }

  #create(key: string, given: Changeable, response: ServerResponse): void {
    const { name } = given.metadata;
    if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name))
      return fail(response, 422, 'Invalid', `metadata.name: Invalid value: ${JSON.stringify(name)}`);
    if (this.#objects.has(key + name)) return fail(response, 409, 'AlreadyExists', `"${name}" already exists`);
    const creationTimestamp = new Date().toISOString().replace(/\.\d+/, '');
    const metadata = {
      ...given.metadata,
      uid: randomUUID(),
      creationTimestamp,
      resourceVersion: String(++this.#version),
    };
    const object = { ...given, metadata } as Changeable;
    // The status is the cluster's to say.
    delete object['status'];
    this.#objects.set(key + name, object);
    send(response, 201, object);
  }

  #list(key: string, selector: string | null): Changeable[] {
    const [label = '', value] = selector?.split('=') ?? [];
    return [...this.#objects]
      .filter(
        ([path, { metadata }]) => path.startsWith(key) && (selector === null || metadata.labels?.[label] === value),
      )
      .map(([, object]) => object);
  }

  #delete(path: string, object: Changeable, text: string): void {
    const { propagationPolicy } = (text === '' ? {} : JSON.parse(text)) as { propagationPolicy?: string };
    object.metadata.deletionTimestamp ??= new Date().toISOString();
    if (propagationPolicy === 'Foreground') object.metadata.finalizers = ['foregroundDeletion'];
    else if (!object.metadata.finalizers?.length) this.#objects.delete(path);
  }
}

/** RFC 7396. */
function mergeInto(target: Record<string, unknown>, patch: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(patch)) {
    if (value === undefined) continue;
    if (value === null) delete target[name];
    else if (typeof value !== 'object' || Array.isArray(value)) target[name] = value;
    else {
      const inner = (target[name] ??= {}) as Record<string, unknown>;
      mergeInto(inner, value as Record<string, unknown>);
    }
  }
}

function fail(response: ServerResponse, code: number, reason: string, message = reason): void {
  send(response, code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message, code });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
