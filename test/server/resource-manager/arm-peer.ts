import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { TestContext } from 'node:test';
import type { StartOptions } from '../../../src/server/index.ts';
import { AtomPeer } from '../atom-peer.ts';

/** Of a thing that takes a few turns of the event loop; each is a request. */
const TRIES = 5_000;

export const GROUP = '/subscriptions/s1/resourceGroups/g1';
export const NAMESPACE = `${GROUP}/providers/Microsoft.ServiceBus/namespaces/retrain-test`;

export interface ArmReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The document, empty when there is none. */
  readonly body: ArmBody;
}

/** A document as a test looks at it: a resource, a list or an error. */
export interface ArmBody {
  readonly [name: string]: unknown;
  readonly id?: string;
  readonly name?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly value?: readonly ArmBody[];
  readonly nextLink?: string;
  readonly error?: { readonly code: string; readonly message: string };
}

interface ArmSend {
  /** A `Buffer` or text goes as it is. */
  readonly body?: object | string;
  /** Of the header `Authorization`; null: none goes. Unless given a bearer token that is a signature of the root rule. */
  readonly authorization?: string | null;
  /** Besides `api-version`. */
  readonly query?: string;
  /** Null: none goes. */
  readonly apiVersion?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A client of Azure Resource Manager that speaks HTTP itself, and the real server that it speaks to. */
export class ArmPeer {
  readonly atom: AtomPeer;

  private constructor(atom: AtomPeer) {
    this.atom = atom;
  }

  static async start(context: TestContext, options: Partial<StartOptions> = {}): Promise<ArmPeer> {
    return new ArmPeer(await AtomPeer.start(context, options));
  }

  /** With the namespace `NAMESPACE`. */
  static async startWithNamespace(
    context: TestContext,
    options: Partial<StartOptions> = {},
    body: object = {},
  ): Promise<ArmPeer> {
    const peer = await ArmPeer.start(context, options);
    await peer.makeNamespace(body);
    return peer;
  }

  async makeNamespace(body: object = {}): Promise<void> {
    assert.equal((await this.put(NAMESPACE, { location: 'West US', ...body })).status, 201);
    await this.until(async () => (await this.get(NAMESPACE)).body.properties?.['provisioningState'] === 'Succeeded');
  }

  /** Asks again and again, as clients do, but not for ever. */
  async until(holds: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < TRIES; tries++) if (await holds()) return;
    throw new Error(`it did not come about in ${TRIES} tries`);
  }

  async send(method: string, path: string, options: ArmSend = {}): Promise<ArmReply> {
    const { body, query = '', apiVersion = '2021-11-01', headers = {} } = options;
    const { authorization = `Bearer ${this.atom.token(`https://${this.atom.host}/`)}` } = options;
    const version = apiVersion === null ? '' : `api-version=${apiVersion}`;
    const request = httpRequest({
      host: '127.0.0.1',
      port: this.atom.server.httpPort,
      method,
      path: `${path}?${version}${query}`,
      agent: false,
      headers: {
        ...(authorization === null ? {} : { authorization }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
    });
    request.end(typeof body === 'object' ? JSON.stringify(body) : body);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part as Buffer);
    const text = Buffer.concat(parts).toString('utf8');
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      text,
      body: (text === '' ? {} : JSON.parse(text)) as ArmBody,
    };
  }

  get(path: string, options: ArmSend = {}): Promise<ArmReply> {
    return this.send('GET', path, options);
  }

  put(path: string, body: object, options: ArmSend = {}): Promise<ArmReply> {
    return this.send('PUT', path, { body, ...options });
  }

  patch(path: string, body: object, options: ArmSend = {}): Promise<ArmReply> {
    return this.send('PATCH', path, { body, ...options });
  }

  post(path: string, body: object, options: ArmSend = {}): Promise<ArmReply> {
    return this.send('POST', path, { body, ...options });
  }

  delete(path: string, options: ArmSend = {}): Promise<ArmReply> {
    return this.send('DELETE', path, options);
  }
}

/** Status, code and text of an error. */
export function errorOf({ status, body }: ArmReply): [status: number, code: string | undefined, said: string] {
  return [status, body.error?.code, body.error?.message ?? ''];
}
