import { createServer } from 'node:http';
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HEALTH_PATH } from '../api/health.ts';
import type { HealthReport } from '../api/health.ts';
import { PROBLEM_MEDIA_TYPE } from '../api/problem.ts';
import type { Problem } from '../api/problem.ts';
import { LIMITS } from './limits.ts';
import { listen } from './listen.ts';

const HEALTHY: HealthReport = { status: 'healthy', message: 'Service is healthy.' };
const UNHEALTHY: HealthReport = {
  status: 'unhealthy',
  message: 'Service not available. Please try after some time.',
};

/** Heads of HTTP requests in bytes. */
const MAX_HEADER_BYTES = 16 * 1024;
const BACKLOG = 128;

/** The HTTP port: `GET /health`, as the official emulator has it. */
export class HttpListener {
  readonly port: number;
  readonly #http: HttpServer;

  private constructor(http: HttpServer) {
    this.#http = http;
    this.port = (http.address() as AddressInfo).port;
  }

  /** @throws RetrainError `ADDRESS_IN_USE` */
  static async open(options: {
    readonly host: string;
    readonly port: number;
    readonly healthy: () => boolean;
  }): Promise<HttpListener> {
    const http = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: LIMITS.httpRequestMs,
        requestTimeout: LIMITS.httpRequestMs,
      },
      (request, response) => answer(request, response, options.healthy),
    );
    http.maxConnections = LIMITS.httpConnections;
    await listen(http, { host: options.host, port: options.port, backlog: BACKLOG }, 'HTTP');
    return new HttpListener(http);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#http.close(() => resolve());
      this.#http.closeAllConnections();
    });
  }
}

function answer(request: IncomingMessage, response: ServerResponse, healthy: () => boolean): void {
  // Nothing here takes a body.
  request.resume();
  const path = (request.url ?? '').replace(/\?.*$/, '');
  if (path !== HEALTH_PATH)
    return problem(response, {
      title: 'Not Found',
      status: 404,
      detail: `There is nothing at '${path}'; see ${HEALTH_PATH}.`,
    });
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return problem(response, { title: 'Method Not Allowed', status: 405, detail: `${HEALTH_PATH} takes GET only.` });
  const ok = healthy();
  send(response, ok ? 200 : 503, 'application/json', ok ? HEALTHY : UNHEALTHY);
}

function problem(response: ServerResponse, said: Omit<Problem, 'type'>): void {
  const body: Problem = { type: 'about:blank', ...said };
  send(response, said.status, PROBLEM_MEDIA_TYPE, body);
}

function send(response: ServerResponse, status: number, type: string, body: HealthReport | Problem): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  });
  response.end(text);
}
