import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { startServer } from '../../src/server/index.ts';
import type { RunningServer, StartOptions } from '../../src/server/index.ts';
import { childOf } from '../../src/server/atom/xml-element.ts';
import type { XmlElement } from '../../src/server/atom/xml-element.ts';
import { readXml } from '../../src/server/atom/xml-reader.ts';
import { LeapClock } from '../conformance/leap-clock.ts';

/** A log that is made quickly. */
const SMALL_FILES = { segmentBytes: 8 * 1024 * 1024, reserveBytes: 4 * 1024 * 1024 };

export const ROOT_KEY = 'root-key-of-the-test-namespace';
const ROOT = { name: 'RootManageSharedAccessKey', key: ROOT_KEY };

export interface Signer {
  readonly name: string;
  readonly key: string;
}

export interface AtomReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The document, when there is one. */
  readonly root: XmlElement | undefined;
}

interface AtomSend {
  /** Its token is for the path; undefined: one of the root rule for all of the namespace; null: no token. */
  readonly signer?: Signer | null | undefined;
  /** Goes instead of a token that is made. */
  readonly authorization?: string;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** Besides `api-version`. */
  readonly query?: string;
  readonly apiVersion?: string;
}

/** A client of the admin API that speaks HTTP itself, and the real server that it speaks to. */
export class AtomPeer {
  readonly clock = new LeapClock();
  readonly faults: unknown[] = [];
  readonly #folder: string;
  readonly #options: Partial<StartOptions>;
  #server: RunningServer | undefined;

  private constructor(folder: string, options: Partial<StartOptions>) {
    this.#folder = folder;
    this.#options = options;
  }

  static async start(context: TestContext, options: Partial<StartOptions> = {}): Promise<AtomPeer> {
    const peer = new AtomPeer(await mkdtemp(join(tmpdir(), 'retrain-atom-')), options);
    context.after(async () => {
      await peer.#server?.close();
      await rm(peer.#folder, { recursive: true, force: true });
      if (peer.faults.length > 0) throw new AggregateError(peer.faults, 'the server reported faults');
    });
    await peer.startServer();
    return peer;
  }

  get server(): RunningServer {
    if (!this.#server) throw new Error('the server is stopped');
    return this.#server;
  }

  get folder(): string {
    return this.#folder;
  }

  get host(): string {
    return `127.0.0.1:${this.server.httpPort}`;
  }

  async startServer(options: Partial<StartOptions> = {}): Promise<void> {
    this.#server = await startServer({
      dataFolder: this.#folder,
      amqpPort: 0,
      httpPort: 0,
      queues: [],
      key: ROOT_KEY,
      clock: this.clock,
      ...SMALL_FILES,
      onFault: (fault) => this.faults.push(fault),
      ...this.#options,
      ...options,
    });
  }

  async restart(options: Partial<StartOptions> = {}): Promise<void> {
    await this.server.close();
    await this.startServer(options);
  }

  /** A token for `resource` that is valid for five minutes, unless `expiresInMs` says otherwise. */
  token(resource: string, { name, key }: Signer = ROOT, expiresInMs = 300_000): string {
    const sr = encodeURIComponent(resource).toLowerCase();
    const se = Math.round((this.clock.wallMs() + expiresInMs) / 1000);
    const sig = encodeURIComponent(createHmac('sha256', key).update(`${sr}\n${se}`).digest('base64'));
    return `SharedAccessSignature sig=${sig}&se=${se}&skn=${name}&sr=${sr}`;
  }

  async send(method: string, path: string, options: AtomSend = {}): Promise<AtomReply> {
    const { signer, authorization, body, query = '', apiVersion = '2021-05', headers = {} } = options;
    const target = `/${path}?api-version=${apiVersion}${query}`;
    const signed =
      authorization ??
      (signer === null ? undefined : this.token(`http://${this.host}${signer ? target : '/'}`, signer));
    const request = httpRequest({
      host: '127.0.0.1',
      port: this.server.httpPort,
      method,
      path: target,
      agent: false,
      headers: { ...(signed === undefined ? {} : { authorization: signed }), ...headers },
    });
    request.end(body);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part as Buffer);
    const bytes = Buffer.concat(parts);
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      text: bytes.toString('utf8'),
      root: bytes.length === 0 ? undefined : readXml(bytes),
    };
  }

  get(path: string, options: AtomSend = {}): Promise<AtomReply> {
    return this.send('GET', path, options);
  }

  delete(path: string, options: AtomSend = {}): Promise<AtomReply> {
    return this.send('DELETE', path, options);
  }

  /** Puts a description, such as `<QueueDescription xmlns="…">…</QueueDescription>` from its name and its inner XML. */
  put(path: string, kind: string, inner: string, options: AtomSend = {}): Promise<AtomReply> {
    return this.send('PUT', path, { body: entryOf(kind, inner), ...options });
  }

  update(path: string, kind: string, inner: string, options: AtomSend = {}): Promise<AtomReply> {
    return this.put(path, kind, inner, { ...options, headers: { 'if-match': '*', ...options.headers } });
  }
}

export function entryOf(kind: string, inner: string): string {
  return `<entry xmlns="http://www.w3.org/2005/Atom"><content type="application/xml"><${kind} xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">${inner}</${kind}></content></entry>`;
}

/** The description in an entry. */
export function descriptionOf(reply: AtomReply): XmlElement {
  const [description] = childOf(reply.root, 'content')?.children ?? [];
  if (!description) throw new Error(`no description: ${reply.status} ${reply.text}`);
  return description;
}

/** Text of a description's element. */
export function valueOf(reply: AtomReply, name: string): string | undefined {
  return childOf(descriptionOf(reply), name)?.text;
}

/** Status and text of an error, without its tracking text. */
export function refusalOf({ status, root }: AtomReply): [status: number, code: string | undefined, said: string] {
  const detail = childOf(root, 'Detail')?.text ?? '';
  return [status, childOf(root, 'Code')?.text, detail.replace(/ TrackingId:.*$/, '')];
}
