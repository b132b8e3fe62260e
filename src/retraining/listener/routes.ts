import type { IncomingHttpHeaders } from 'node:http';
import { RetrainError } from '../../errors.ts';
import type { ProblemAnswer } from './problem.ts';

/** A request with its whole body, which is within the limit. */
export interface ListenerRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** What stands where the route's path has `{name}`, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  /** The media type of the body in lower case, without parameters; absent without a body. */
  readonly mediaType: string | undefined;
  /** The body as JSON; undefined without one. */
  readonly body: unknown;
  /** Aborts when the client is gone, or when the listener stops and has waited long enough. */
  readonly signal: AbortSignal;
}

/** What a handler answers: JSON, or text of another media type. */
export interface ListenerAnswer {
  readonly status: number;
  readonly json?: object;
  readonly text?: string;
  /** Of `text`. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers a request. What it throws becomes a problem document: errors of ours by their code, others as 500. */
export type RouteHandler = (request: ListenerRequest) => Promise<ListenerAnswer | ProblemAnswer>;

export interface RouteOptions {
  /** Also without a token: probes and metrics. */
  readonly open?: boolean;
}

interface Route extends Required<RouteOptions> {
  readonly method: string;
  readonly segments: readonly string[];
  readonly handler: RouteHandler;
}

export type FoundRoute =
  | {
      readonly kind: 'found';
      readonly handler: RouteHandler;
      readonly open: boolean;
      readonly parameters: Record<string, string>;
    }
  | { readonly kind: 'wrong-method'; readonly allow: readonly string[]; readonly open: boolean }
  | { readonly kind: 'nothing' };

const PARAMETER = /^\{([A-Za-z]+)\}$/;

/** Which handler a method and a path belong to. `HEAD` is answered wherever `GET` is. */
export class Routes {
  readonly #routes: Route[] = [];

  /** `path` may have segments `{name}`. Raises `ARGUMENT_INVALID` when method and path have a handler already. */
  add(method: string, path: string, handler: RouteHandler, { open = false }: RouteOptions = {}): void {
    const segments = path.split('/');
    if (this.#routes.some((route) => route.method === method && route.segments.join('/') === path))
      throw new RetrainError('ARGUMENT_INVALID', `${method} ${path} has a handler: add each route once`);
    this.#routes.push({ method, segments, handler, open });
  }

  find(method: string, path: string): FoundRoute {
    const segments = path.split('/');
    const matches = this.#routes.flatMap((route) => {
      const parameters = parametersOf(route.segments, segments);
      return parameters ? [{ route, parameters }] : [];
    });
    if (matches.length === 0) return { kind: 'nothing' };
    const wanted = method === 'HEAD' ? 'GET' : method;
    const match = matches.find(({ route }) => route.method === wanted);
    if (match) return { kind: 'found', ...match.route, parameters: match.parameters };
    const allow = matches.flatMap(({ route }) => (route.method === 'GET' ? ['GET', 'HEAD'] : [route.method]));
    return { kind: 'wrong-method', allow, open: matches.every(({ route }) => route.open) };
  }
}

function parametersOf(route: readonly string[], path: readonly string[]): Record<string, string> | undefined {
  if (route.length !== path.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, segment] of route.entries()) {
    const given = path[index] ?? '';
    const name = PARAMETER.exec(segment)?.[1];
    if (name === undefined) {
      if (segment !== given) return undefined;
      continue;
    }
    const value = decoded(given);
    if (value === undefined || value === '') return undefined;
    parameters[name] = value;
  }
  return parameters;
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
