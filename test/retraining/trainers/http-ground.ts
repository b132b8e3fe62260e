import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { HttpTrainer } from '../../../src/retraining/trainers/http-trainer.ts';
import type { HttpTrainerOptions } from '../../../src/retraining/trainers/http-trainer.ts';
import { startSchema, statusSchema } from '../../../src/retraining/trainers/http-contract.ts';
import { temporaryFolder } from './run-fixture.ts';
import type { Training, TrainingGround } from './trainer-suite.ts';

const TOKEN = 'secret of the service';
const LOG_PART = 32 * 1024;

interface HeldRun {
  state: 'running' | 'succeeded' | 'failed' | 'cancelled';
  log: string;
  progress?: number;
  result?: unknown;
  failure?: { reason?: string; exitCode?: number; meaning?: string };
}

/** A service that keeps the contract, and trains as it is told. */
export class TrainingService implements TrainingGround {
  readonly folder: string;
  readonly runs = new Map<string, HeldRun>();
  /** Method, key and body of what was asked. */
  readonly asked: { method: string; key: string; headers: IncomingMessage['headers']; query: URLSearchParams }[] = [];
  /** Answers in place of the service when it returns true. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  readonly #training: Training;
  readonly #limits: { readonly maxRunMs?: number };
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #released = false;

  constructor(t: TestContext, training: Training, limits: { readonly maxRunMs?: number } = {}) {
    this.folder = temporaryFolder(t);
    this.#training = training;
    this.#limits = limits;
    t.after(() => this.close());
  }

  static async open(t: TestContext, training: Training, limits: { maxRunMs?: number } = {}): Promise<TrainingService> {
    const service = new TrainingService(t, training, limits);
    await service.listen();
    return service;
  }

  async listen(port = 0): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  trainer(options: Partial<HttpTrainerOptions> = {}): HttpTrainer {
    return new HttpTrainer({
      url: `http://127.0.0.1:${this.port}/runs/`,
      token: TOKEN,
      folder: join(this.folder, 'runs'),
      pollMs: 20,
      graceMs: 1000,
      ...this.#limits,
      ...options,
    });
  }

  begun(): number {
    return this.runs.size;
  }

  atWork(): number {
    return [...this.runs.values()].filter(({ state }) => state === 'running').length;
  }

  release(): void {
    this.#released = true;
    for (const run of this.runs.values()) this.#train(run);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers } = request;
    const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://service');
    const key = pathname.replace(/^\/runs\//, '');
    this.asked.push({ method, key, headers, query });
    const text = Buffer.concat(await request.toArray()).toString();
    if (this.intercept?.(request, response)) return;
    if (headers.authorization !== `Bearer ${TOKEN}`) return send(response, 401, { title: 'no token' });
    const run = this.runs.get(key);
    if (method === 'PUT') {
      if (run) return send(response, 409, { title: 'it is there' });
      const { plan } = startSchema.parse(JSON.parse(text));
      const held: HeldRun = { state: 'running', log: '' };
      this.runs.set(key, held);
      this.#train(held, plan, headers);
      return send(response, 201, {});
    }
    if (!run) return send(response, 404, { title: 'no such run' });
    if (method === 'DELETE') this.#cancel(run, Number(query.get('grace')) * 1000);
    send(response, 200, statusOf(run, Number(query.get('log') ?? 0)));
  }

  #train(run: HeldRun, plan?: Record<string, unknown>, headers: IncomingMessage['headers'] = {}): void {
    const training = this.#training;
    switch (training.does) {
      case 'succeed':
        run.log = (training.prints ?? []).join('\n');
        for (const line of training.prints ?? []) if (line.startsWith('{')) Object.assign(run, JSON.parse(line));
        return succeed(run, training.result);
      case 'fail':
        run.log = training.says;
        run.failure = { exitCode: training.code, reason: 'it failed' };
        run.state = 'failed';
        return;
      case 'babble':
        return succeed(run, training.result);
      case 'shout':
        run.log = 'no newline anywhere '.repeat(training.bytes / 20);
        return succeed(run, training.result);
      case 'wait':
        if (this.#released) succeed(run, training.result);
        return;
      case 'introduce itself': {
        const { runId, epoch, model } = plan as { runId: string; epoch: number; model: { name: string } };
        const { traceparent, tracestate } = headers;
        const notes = JSON.stringify({ model: model.name, runId, epoch, traceparent, tracestate });
        return succeed(run, { metrics: { challenger: {} }, artifact: 'https://example.net/m', notes });
      }
      case 'hang':
    }
  }

  #cancel(run: HeldRun, graceMs: number): void {
    const end = (): void => {
      if (run.state === 'running') run.state = 'cancelled';
    };
    if (this.#training.does === 'hang' && this.#training.deaf) setTimeout(end, graceMs);
    else end();
  }
}

function succeed(run: HeldRun, result: unknown): void {
  run.result = result;
  run.state = 'succeeded';
}

function statusOf({ state, log, progress, result, failure }: HeldRun, from: number): unknown {
  const text = log.slice(from, from + LOG_PART);
  const next = from + text.length;
  const status = { state, progress, result, failure, log: { text, next: String(next), more: next < log.length } };
  // What is not its result keeps the contract; that is what is tested with bad ones.
  statusSchema.omit({ result: true }).parse(status);
  return status;
}

export function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}
