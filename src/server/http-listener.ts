import { createServer } from 'node:http';
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HttpRoutes } from './http-routes.ts';
import { LIMITS } from './limits.ts';
import { listen } from './listen.ts';

/** Heads of HTTP requests in bytes. */
const MAX_HEADER_BYTES = 16 * 1024;
const BACKLOG = 128;

/** The HTTP port, as the official emulator has it. */
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
    readonly routes: HttpRoutes;
  }): Promise<HttpListener> {
    const http = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: LIMITS.httpRequestMs,
        requestTimeout: LIMITS.httpRequestMs,
      },
      (request, response) => options.routes.handle(request, response),
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
