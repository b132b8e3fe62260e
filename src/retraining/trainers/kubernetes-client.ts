import type { KubeConfig } from '@kubernetes/client-node';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { RequestOptions } from 'node:https';
import type { Clock } from '../../runtime/clock.ts';
import { RemoteFault } from './remote-run.ts';

/** Of an answer; a Job with its status takes some thousands of bytes. */
const ANSWER_MAX_BYTES = 4 * 1024 * 1024;

export interface KubernetesClientOptions {
  /** Path of a kubeconfig; by default that of `$KUBECONFIG`, `~/.kube/config`, or the pod's service account. */
  readonly kubeconfig?: string;
  readonly context?: string;
  /** Milliseconds of one exchange. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

export interface ApiAnswer {
  readonly status: number;
  /** The parsed body; undefined when it is no JSON. */
  readonly value: unknown;
}

interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The API server of a cluster. Where it is, whom it trusts and as whom it is asked (tokens, certificates, plug-ins, a pod's
 * service account) is the business of the official client, which is loaded with the first request; the few requests that a
 * trainer makes are its own, so that each has limits of time and size.
 */
export class KubernetesClient {
  readonly #options: KubernetesClientOptions;
  #config: Promise<KubeConfig> | undefined;

  constructor(options: KubernetesClientOptions) {
    this.#options = options;
  }

  /** The namespace of the context, or of the pod that this runs in. */
  async namespace(): Promise<string> {
    const config = await this.#load();
    return config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
  }

  /** One exchange, whatever the answer's status is. Raises a passing `RemoteFault` when there was no answer. */
  async ask(request: ApiRequest): Promise<ApiAnswer> {
    const { clock, timeoutMs } = this.#options;
    const limit = new AbortController();
    const cancel = clock.after(timeoutMs, () => limit.abort(new Error(`no answer within ${timeoutMs} ms`)));
    const signals = request.signal ? [limit.signal, request.signal] : [limit.signal];
    try {
      const response = await this.#send(request, AbortSignal.any(signals));
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of response) {
        bytes += (chunk as Buffer).length;
        if (bytes > ANSWER_MAX_BYTES) throw new Error(`the answer has more than ${ANSWER_MAX_BYTES} bytes`);
        chunks.push(chunk as Buffer);
      }
      return { status: response.statusCode ?? 0, value: parseJson(Buffer.concat(chunks).toString('utf8')) };
    } catch (error) {
      throw this.#fault(request, limit.signal.aborted ? limit.signal.reason : error);
    } finally {
      cancel();
    }
  }

  /** Gives the body of an answer of 200 to `take`, chunk by chunk, until it ends or `signal` aborts. */
  async stream(
    request: Omit<ApiRequest, 'method' | 'body' | 'signal'>,
    { take, signal }: { take: (chunk: Buffer) => Promise<void>; signal: AbortSignal },
  ): Promise<void> {
    const response = await this.#send({ method: 'GET', ...request }, signal);
    if (response.statusCode !== 200) {
      response.resume();
      throw new RemoteFault('passing', `GET ${request.path} is answered with ${response.statusCode}`);
    }
    for await (const chunk of response) await take(chunk as Buffer);
  }

  async #send({ method, path, query, body }: ApiRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const config = await this.#load();
    const server = config.getCurrentCluster()?.server;
    if (server === undefined)
      throw new RemoteFault('refused', 'the kubeconfig names no cluster: set context, or its current-context');
    const url = new URL(`${server.replace(/\/+$/, '')}${path}`);
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
    const text = body === undefined ? undefined : JSON.stringify(body);
    const options: RequestOptions = { method, signal };
    await config.applyToHTTPSOptions(options);
    options.headers = {
      ...(options.headers as OutgoingHttpHeaders | undefined),
      accept: 'application/json',
      ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
    };
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const request = send(url, options, resolve);
      request.on('error', reject);
      request.end(text);
    });
  }

  /** One that could not be loaded is tried anew: it may be repaired while the worker runs. */
  #load(): Promise<KubeConfig> {
    this.#config ??= loadConfig(this.#options).catch((error: unknown) => {
      this.#config = undefined;
      throw error;
    });
    return this.#config;
  }

  #fault({ method, path }: ApiRequest, error: unknown): RemoteFault {
    if (error instanceof RemoteFault) return error;
    const { code, message } = error as NodeJS.ErrnoException;
    return new RemoteFault('passing', `${method} ${path}: ${code ?? message}`, { cause: error });
  }
}

async function loadConfig({ kubeconfig, context }: KubernetesClientOptions): Promise<KubeConfig> {
  let library;
  try {
    library = await import('@kubernetes/client-node');
  } catch (cause) {
    throw new RemoteFault(
      'refused',
      'the kubernetes trainer needs the package @kubernetes/client-node: npm install @kubernetes/client-node@1',
      { cause },
    );
  }
  const config = new library.KubeConfig();
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (cause) {
    const what = kubeconfig === undefined ? 'the default kubeconfig' : `the kubeconfig ${kubeconfig}`;
    throw new RemoteFault('refused', `${what} cannot be read: ${(cause as Error).message}`, { cause });
  }
  if (context !== undefined) config.setCurrentContext(context);
  return config;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
