import type { IncomingMessage, ServerResponse } from 'node:http';
import { HEALTH_PATH } from '../api/health.ts';
import type { HealthReport } from '../api/health.ts';
import { sendJson, sendProblem } from './http-answer.ts';
import { ATOM_API_VERSIONS, httpRouteOf, pathOfTarget } from './http-route.ts';
import type { HttpRoute } from './http-route.ts';
import { foreignOrigin } from './origin-rule.ts';
import type { OriginRule } from './origin-rule.ts';

/** Answers the requests of one API; it takes their body, or lets it go. */
export interface HttpApi {
  handle(request: IncomingMessage, response: ServerResponse): void;
}

const HEALTHY: HealthReport = { status: 'healthy', message: 'Service is healthy.' };
const UNHEALTHY: HealthReport = {
  status: 'unhealthy',
  message: 'Service not available. Please try after some time.',
};

const VERSIONS = ATOM_API_VERSIONS.join(' or ');

/** Hands each HTTP request to whom it is for (`http-route.ts`), and answers what is nobody's with a problem document. */
export class HttpRoutes implements HttpApi {
  readonly #healthy: () => boolean;
  readonly #atom: HttpApi | undefined;
  readonly #resourceManager: HttpApi | undefined;
  readonly #mayConnect: OriginRule;
  readonly #onFault: (fault: unknown) => void;

  /** `atom`: Service Bus's admin API; `resourceManager`: Azure Resource Manager. The requests of one that is left out are answered with 501. */
  constructor(options: {
    readonly healthy: () => boolean;
    readonly atom?: HttpApi;
    readonly resourceManager?: HttpApi;
    readonly mayConnect: OriginRule;
    readonly onFault: (fault: unknown) => void;
  }) {
    this.#healthy = options.healthy;
    this.#atom = options.atom;
    this.#resourceManager = options.resourceManager;
    this.#mayConnect = options.mayConnect;
    this.#onFault = options.onFault;
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    try {
      const { origin } = request.headers;
      if (origin !== undefined && !this.#mayConnect(origin)) {
        request.resume();
        return sendProblem(response, foreignOrigin(origin));
      }
      const route = httpRouteOf(request.url ?? '');
      const api = route === 'atom' ? this.#atom : route === 'resource-manager' ? this.#resourceManager : undefined;
      if (api) return api.handle(request, response);
      // Nothing else here takes a body.
      request.resume();
      this.#answer(route, request, response);
    } catch (fault) {
      this.#onFault(fault);
      if (response.headersSent) response.destroy();
      else
        sendProblem(response, { title: 'Internal Server Error', status: 500, detail: 'The broker has met a fault.' });
    }
  }

  #answer(route: HttpRoute, request: IncomingMessage, response: ServerResponse): void {
    const path = pathOfTarget(request.url ?? '');
    switch (route) {
      case 'health':
      case 'readiness':
        return answerHealth(request, response, this.#healthy());
      case 'liveness':
        return answerHealth(request, response, true);
      case 'websocket':
        response.setHeader('upgrade', 'websocket');
        response.setHeader('connection', 'upgrade');
        return sendProblem(response, {
          title: 'Upgrade Required',
          status: 426,
          detail: `AMQP is spoken at '${path}': open it as a WebSocket with the subprotocol AMQPWSB10.`,
        });
      case 'atom':
        return notImplemented(response, `The admin API (api-version ${VERSIONS}) is not served here.`);
      case 'resource-manager':
        return notImplemented(
          response,
          `Azure Resource Manager is not served here. Use the admin API of Service Bus (api-version ${VERSIONS}).`,
        );
      case 'unknown-version':
        return sendProblem(response, {
          title: 'Bad Request',
          status: 400,
          detail: `This api-version is not known for '${path}'. The admin API has api-version ${VERSIONS}; Azure Resource Manager has dates, and paths that begin with /subscriptions.`,
        });
      case 'metrics':
      case 'api':
        return notFound(response, `'${path}' is reserved; nothing is there yet.`);
      case 'nothing':
        return notFound(
          response,
          `There is nothing at '${path}'; see ${HEALTH_PATH}. Requests to the admin API need api-version=${VERSIONS}.`,
        );
    }
  }
}

function answerHealth(request: IncomingMessage, response: ServerResponse, healthy: boolean): void {
  if (request.method === 'GET' || request.method === 'HEAD')
    return sendJson(response, healthy ? 200 : 503, healthy ? HEALTHY : UNHEALTHY);
  response.setHeader('allow', 'GET, HEAD');
  sendProblem(response, {
    title: 'Method Not Allowed',
    status: 405,
    detail: `'${pathOfTarget(request.url ?? '')}' takes GET only.`,
  });
}

function notFound(response: ServerResponse, detail: string): void {
  sendProblem(response, { title: 'Not Found', status: 404, detail });
}

function notImplemented(response: ServerResponse, detail: string): void {
  sendProblem(response, { title: 'Not Implemented', status: 501, detail });
}
