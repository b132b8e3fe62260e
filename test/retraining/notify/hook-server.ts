import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { Notification } from '../../../src/retraining/notify/notify-text.ts';

export interface Posted {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: Notification;
}

/** A webhook over a real socket: it keeps what it gets, and answers as a test wants, 200 unless told otherwise. */
export class HookServer {
  readonly posts: Posted[] = [];
  answer: (response: ServerResponse, index: number) => void = (response) => response.end('ok');
  readonly #server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      this.posts.push({ headers: request.headers, text, body: JSON.parse(text) as Notification });
      this.answer(response, this.posts.length - 1);
    });
  });

  static async open(t: TestContext): Promise<HookServer> {
    const hook = new HookServer();
    hook.#server.listen(0, '127.0.0.1');
    await once(hook.#server, 'listening');
    t.after(() => {
      hook.#server.closeAllConnections();
      hook.#server.close();
    });
    return hook;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook?secret=s3cr3t`;
  }
}
