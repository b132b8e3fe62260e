import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendProblem } from './http-answer.ts';
import type { HttpApi } from './http-routes.ts';

/** An API whose code is loaded with its first request. When that fails, the next one tries again. */
export class LateApi implements HttpApi {
  readonly #load: () => Promise<HttpApi>;
  readonly #onFault: (fault: unknown) => void;
  #loading: Promise<HttpApi> | undefined;

  constructor(options: { readonly load: () => Promise<HttpApi>; readonly onFault: (fault: unknown) => void }) {
    this.#load = options.load;
    this.#onFault = options.onFault;
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    this.#loading ??= this.#load();
    this.#loading
      .then((api) => {
        // Of a client that has gone since nothing would ever be heard.
        if (!request.destroyed) api.handle(request, response);
      })
      .catch((fault: unknown) => {
        this.#loading = undefined;
        this.#onFault(fault);
        request.resume();
        if (response.headersSent) response.destroy();
        else
          sendProblem(response, { title: 'Internal Server Error', status: 500, detail: 'The broker has met a fault.' });
      });
  }
}
