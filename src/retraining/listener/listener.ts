import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { isIPv6 } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { RetrainError } from '../../errors.ts';
import { pause, systemClock } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import { BearerTokens } from './bearer-tokens.ts';
import type { ListenerLog } from './listener-log.ts';
import type { ListenerSettings } from './listener-settings.ts';
import { isLoopback, isOwnHost } from './loopback.ts';
import { PROBLEM_MEDIA_TYPE, problem, problemOf, RETRY_AFTER_BUSY_S } from './problem.ts';
import type { ProblemAnswer } from './problem.ts';
import { Probe } from './probes.ts';
import type { Checks } from './probes.ts';
import { readBody, refuseHeaders } from './request-body.ts';
import { Routes } from './routes.ts';
import type { FoundRoute, ListenerAnswer, RouteHandler, RouteOptions } from './routes.ts';

export const LISTENER_LIMITS = {
  /** Of a body; a request has 64 KiB at most, a batch of them more. */
  bodyBytes: 1024 * 1024,
  /** Of a request's line and headers. */
  headBytes: 16 * 1024,
  /** From the first byte of a request to the end of its headers, and of its body. */
  headMs: 10_000,
  requestMs: 30_000,
  /** How long a connection may be without a request. */
  idleMs: 30_000,
  /** From a whole request to its answer. */
  answerMs: 60_000,
  /** Requests that are being answered at the same time; further ones are asked to come back. */
  requests: 64,
  /** Connections at the same time; further ones are closed. */
  connections: 256,
  /** How long `stop` waits for what is under way. */
  stopMs: 10_000,
} as const;

export interface ListenerOptions {
  readonly settings: ListenerSettings;
  /** For `/readyz`: each passes or throws what is missing. */
  readonly checks?: Checks;
  /** For `/livez`; without any it answers as long as the process does. */
  readonly liveChecks?: Checks;
  /** The text of `/metrics`, in Prometheus' exposition format; without it there are none. */
  readonly metrics?: () => Promise<string> | string;
  /** Nothing but probes and metrics, which need no token: then it may listen beyond this machine without any. */
  readonly probesOnly?: boolean;
  readonly log?: ListenerLog;
  readonly clock?: Clock;
  readonly limits?: Partial<Record<keyof typeof LISTENER_LIMITS, number>>;
}

/** The media type of Prometheus' exposition format. */
const METRICS_MEDIA_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
const CHALLENGE = 'Bearer realm="retrain"';

/**
 * retrain's own HTTP listener. It is small on purpose: JSON in and out, problem documents (RFC 9457) for everything that
 * fails, bearer tokens, and a limit on everything. TLS is the business of a proxy in front of it.
 */
export class RetrainListener {
  readonly #settings: ListenerSettings;
  readonly #tokens: BearerTokens;
  readonly #needsToken: boolean;
  readonly #log: ListenerLog;
  readonly #clock: Clock;
  readonly #limits: Readonly<Record<keyof typeof LISTENER_LIMITS, number>>;
  readonly #routes = new Routes();
  readonly #server: Server;
  readonly #answering = new Set<ServerResponse>();
  readonly #gaveUp = new AbortController();
  #stopping: Promise<void> | undefined;

  constructor(options: ListenerOptions) {
    const { settings, checks = {}, liveChecks = {}, metrics, clock = systemClock } = options;
    this.#settings = settings;
    this.#tokens = new BearerTokens(settings.tokens);
    this.#needsToken = this.#tokens.count === 0 && !options.probesOnly;
    this.#log = options.log ?? (() => undefined);
    this.#clock = clock;
    this.#limits = { ...LISTENER_LIMITS, ...options.limits };
    this.#server = this.#createServer();
    const ready = new Probe({ checks, clock });
    const live = new Probe({ checks: liveChecks, clock });
    this.route('GET', '/livez', () => probeAnswer(live), { open: true });
    this.route('GET', '/readyz', () => (this.#stopping ? stoppingAnswer() : probeAnswer(ready)), { open: true });
    if (metrics)
      this.route(
        'GET',
        '/metrics',
        async () => ({ status: 200, text: await metrics(), contentType: METRICS_MEDIA_TYPE }),
        { open: true },
      );
  }

  /** Adds a handler, before or after the start. `path` may have segments such as `{id}`. */
  route(method: string, path: string, handler: RouteHandler, options?: RouteOptions): void {
    this.#routes.add(method, path, handler, options);
  }

  /** The port that it listens on. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? this.#settings.port;
  }

  /** Where it listens, for people and clients. */
  get url(): string {
    const { host } = this.#settings;
    return `http://${isIPv6(host) ? `[${host}]` : host}:${this.port}`;
  }

  /**
   * Raises `CONFIGURATION_INVALID` when others than this machine could ask without a token, `ADDRESS_IN_USE` when the port is
   * taken, `ARGUMENT_INVALID` when the host is no address of this machine.
   */
  async start(): Promise<void> {
    const { host, port } = this.#settings;
    if (this.#needsToken && !isLoopback(host)) throw unprotected(host);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => reject(listenError(error, { host, port })));
      this.#server.listen({ host, port }, () => resolve());
    });
    this.#server.on('error', (error) => this.#log({ ...NO_REQUEST, status: 500, reason: error.message }));
    const { address } = this.#server.address() as AddressInfo;
    // `localhost` may be anything in a host's own table of names.
    if (this.#needsToken && !isLoopback(address)) {
      await this.stop();
      throw unprotected(`${host} (${address})`);
    }
    this.#log({ fact: 'listening', url: this.url, tokens: this.#tokens.count });
  }

  /** Takes no further request, waits for what is under way, then closes what is left. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new AbortController();
    const closing = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    void closing.then(() => closed.abort());
    this.#server.closeIdleConnections();
    await pause(this.#clock, this.#limits.stopMs, closed.signal);
    this.#gaveUp.abort();
    this.#server.closeAllConnections();
    await closing;
    this.#log({ fact: 'listener-stopped' });
  }

  #createServer(): Server {
    const { headBytes, headMs, requestMs, idleMs, connections } = this.#limits;
    const server = createServer({
      maxHeaderSize: headBytes,
      headersTimeout: headMs,
      requestTimeout: requestMs,
      keepAliveTimeout: idleMs,
      connectionsCheckingInterval: Math.min(1_000, headMs),
    });
    server.maxConnections = connections;
    server.on('request', (request, response) => void this.#serve(request, response));
    // Before a client is told to go on with its body, it can be refused.
    server.on('checkContinue', (request, response) => void this.#serve(request, response));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#answerBroken(error, socket as Socket));
    return server;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { path, query } = targetOf(request);
    const found = this.#routes.find(request.method ?? 'GET', path);
    // Who is asked whether he is alive while he has his hands full must not be taken for dead.
    const busy = !isOpen(found) && this.#answering.size >= this.#limits.requests;
    const gone = new AbortController();
    const give = (): void => gone.abort();
    this.#gaveUp.signal.addEventListener('abort', give, { once: true });
    response.once('close', () => {
      this.#answering.delete(response);
      this.#gaveUp.signal.removeEventListener('abort', give);
      give();
    });
    response.on('error', () => undefined);
    if (!busy) this.#answering.add(response);
    try {
      const answer = busy ? busyAnswer() : await this.#answer({ request, response, path, query, found }, gone.signal);
      if (answer) this.#write(request, response, answer);
    } catch (error) {
      this.#write(request, response, problemOf(error), error);
    }
  }

  /** Undefined when the client is gone. */
  async #answer(
    { request, response, path, query, found }: Asked,
    signal: AbortSignal,
  ): Promise<ListenerAnswer | ProblemAnswer | undefined> {
    const refused = this.#refuse(request, path, found) ?? refuseHeaders(request, this.#limits.bodyBytes);
    if (refused || found.kind !== 'found') return refused;
    if (request.headers.expect !== undefined) response.writeContinue();
    // Without a token nobody holds a place by a body that never ends.
    const body = found.open ? NO_BODY : await readBody(request, this.#limits.bodyBytes);
    if (body.kind === 'gone') return undefined;
    if (body.kind === 'refused') return body.answer;
    const { handler, parameters } = found;
    const { mediaType, value } = body;
    const { method = 'GET', headers } = request;
    return this.#inTime(handler({ method, path, query, parameters, headers, mediaType, body: value, signal }));
  }

  #refuse(request: IncomingMessage, path: string, found: FoundRoute): ProblemAnswer | undefined {
    const { authorization, host } = request.headers;
    // A page in a browser on this machine must not reach us by a name of its own that leads here.
    if (this.#needsToken && !isOwnHost(host, this.#settings.host))
      return problem(421, `Host is ${JSON.stringify((host ?? '').slice(0, 80))}: ask ${this.url}, or configure tokens`);
    if (!isOpen(found) && !this.#tokens.admit(authorization)) {
      const error = authorization === undefined ? '' : ', error="invalid_token"';
      const detail = 'no valid token: send one of listen.tokens as Authorization: Bearer TOKEN';
      return problem(401, detail, { headers: { 'www-authenticate': `${CHALLENGE}${error}` } });
    }
    if (found.kind === 'nothing')
      return problem(404, `nothing is at ${path.slice(0, 200)}: see docs/http.md for the paths`);
    if (found.kind === 'wrong-method') {
      const allow = found.allow.join(', ');
      return problem(405, `${request.method ?? ''} is not for ${path.slice(0, 200)}: use ${allow}`, {
        headers: { allow },
      });
    }
    return undefined;
  }

  async #inTime(answering: Promise<ListenerAnswer | ProblemAnswer>): Promise<ListenerAnswer | ProblemAnswer> {
    const ended = new AbortController();
    const { answerMs } = this.#limits;
    const late = pause(this.#clock, answerMs, ended.signal).then((): ProblemAnswer => {
      throw new RetrainError('UNREACHABLE', `no answer within ${answerMs} ms: ask again with the same Idempotency-Key`);
    });
    late.catch(() => undefined);
    try {
      return await Promise.race([answering, late]);
    } finally {
      ended.abort();
    }
  }

  #write(
    request: IncomingMessage,
    response: ServerResponse,
    answer: ListenerAnswer | ProblemAnswer,
    error?: unknown,
  ): void {
    const { method = 'GET' } = request;
    const { path } = targetOf(request);
    const status = 'problem' in answer ? answer.problem.status : answer.status;
    const said = 'problem' in answer ? answer.problem.detail : (answer.text ?? JSON.stringify(answer.json) ?? '');
    const at = { method, path: path.slice(0, 200), status };
    if (status >= 500)
      this.#log({ fact: 'http-failed', ...at, reason: error instanceof Error ? error.message : said.slice(0, 300) });
    else if (status >= 400) this.#log({ fact: 'http-refused', ...at });
    if (response.headersSent || response.destroyed) return;
    const { headers, text } = writtenAnswer(answer);
    response.writeHead(status, { ...headers, ...(this.#stopping && { connection: 'close' }) });
    response.end(text);
  }

  /** What is no HTTP, or too slow, or too large for a head never becomes a request. */
  #answerBroken(error: NodeJS.ErrnoException, socket: Socket): void {
    const begun = [...this.#answering].some((response) => response.socket === socket && response.headersSent);
    if (error.code === 'ECONNRESET' || begun || !socket.writable) {
      socket.destroy();
      return;
    }
    const { headBytes, requestMs } = this.#limits;
    const { problem: body } =
      error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? problem(408, `the request was not whole within ${requestMs} ms: send it faster`)
        : error.code === 'HPE_HEADER_OVERFLOW'
          ? problem(431, `the headers are over the limit of ${headBytes} bytes: send fewer`)
          : problem(400, 'this is not a request of HTTP/1.1: use a client of HTTP/1.1');
    const { headers, text } = writtenAnswer({ problem: body, headers: { connection: 'close' } });
    const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${body.status} ${body.title}\r\n${head.join('')}\r\n${text}`);
  }
}

interface Asked extends ReturnType<typeof targetOf> {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly found: FoundRoute;
}

const NO_BODY = { kind: 'read', mediaType: undefined, value: undefined } as const;

function isOpen(found: FoundRoute): boolean {
  return found.kind !== 'nothing' && found.open;
}

/** For an error of the server that belongs to no request, such as one of accepting a connection. */
const NO_REQUEST = { fact: 'http-failed', method: '-', path: '-' } as const;

function busyAnswer(): ProblemAnswer {
  return problem(503, 'too many requests at the same time: try again in a moment', {
    headers: { 'retry-after': String(RETRY_AFTER_BUSY_S) },
  });
}

async function probeAnswer(probe: Probe): Promise<ListenerAnswer> {
  const report = await probe.report();
  return { status: report.status === 'healthy' ? 200 : 503, json: report };
}

async function stoppingAnswer(): Promise<ListenerAnswer> {
  return { status: 503, json: { status: 'unhealthy', message: 'stopping', checks: [] } };
}

function writtenAnswer(answer: ListenerAnswer | ProblemAnswer): { headers: Record<string, string>; text: string } {
  const isProblem = 'problem' in answer;
  const text = isProblem ? JSON.stringify(answer.problem) : (answer.text ?? JSON.stringify(answer.json) ?? '');
  const type = isProblem ? PROBLEM_MEDIA_TYPE : (answer.contentType ?? 'application/json');
  const headers = {
    ...(text !== '' && { 'content-type': type }),
    'content-length': String(Buffer.byteLength(text)),
    'cache-control': 'no-store',
    ...answer.headers,
  };
  return { headers, text };
}

function targetOf({ url = '/' }: IncomingMessage): { path: string; query: URLSearchParams } {
  // A proxy's form names scheme and host besides (RFC 9112, section 3.2.2).
  const local = url.replace(/^https?:\/\/[^/?]*/i, '');
  const mark = local.indexOf('?');
  const path = mark < 0 ? local : local.slice(0, mark);
  return { path: path === '' ? '/' : path, query: new URLSearchParams(mark < 0 ? '' : local.slice(mark + 1)) };
}

function unprotected(host: string): RetrainError {
  return new RetrainError(
    'CONFIGURATION_INVALID',
    `listen.host = ${host} is open to other machines, and listen.tokens is empty: give a token, or listen on 127.0.0.1`,
  );
}

function listenError(error: NodeJS.ErrnoException, { host, port }: { host: string; port: number }): Error {
  if (error.code === 'EADDRINUSE')
    return new RetrainError(
      'ADDRESS_IN_USE',
      `port ${port} of ${host} is taken: stop what uses it, or choose another listen.port`,
    );
  if (error.code === 'EACCES' || error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return new RetrainError(
      'ARGUMENT_INVALID',
      `cannot listen on port ${port} of ${host} (${error.code}): choose another listen.host or listen.port`,
      { cause: error },
    );
  return error;
}
