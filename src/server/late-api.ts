import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendProblem } from './http-answer.ts';
import type { HttpApi } from './http-routes.ts';

/** An API whose code is loaded with its first request. When that fails, the next one tries again. */
export class LateApi<A extends HttpApi = HttpApi> implements HttpApi {
  readonly #load: () => Promise<A>;
  readonly #onFault: (fault: unknown) => void;
  #loading: Promise<A> | undefined;
  #loaded: A | undefined;

  constructor(options: { readonly load: () => Promise<A>; readonly onFault: (fault: unknown) => void }) {
    this.#load = options.load;
    this.#onFault = options.onFault;
  }

  /** Undefined: it was not needed so far. */
  get loaded(): A | undefined {
    return this.#loaded;
  }

  /** Loads it now, if it is not there yet. */
  load(): Promise<A> {
    this.#loading ??= this.#begin();
    return this.#loading;
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    this.load()
      .then((api) => {
        // Of a client that has gone since nothing would ever be heard.
        if (!request.destroyed) api.handle(request, response);
      })
      .catch((fault: unknown) => {
        this.#onFault(fault);
        request.resume();
        if (response.headersSent) response.destroy();
        else
          sendProblem(response, { title: 'Internal Server Error', status: 500, detail: 'The broker has met a fault.' });
      });
  }

  async #begin(): Promise<A> {
    try {
      this.#loaded = await this.#load();
      return this.#loaded;
    } catch (error) {
      this.#loading = undefined;
      throw error;
    }
  }
}
