import { HEALTH_PATH, LIVENESS_PATH, READINESS_PATH } from '../api/health.ts';
import { API_PREFIX, METRICS_PATH, WEBSOCKET_PATH } from '../api/paths.ts';

/** Versions of Service Bus's admin API that its clients ask for. */
export const ATOM_API_VERSIONS = ['2017-04', '2021-05', '2024-05'] as const;

/** Whom an HTTP request is for. `unknown-version`: it names an api-version that nobody here speaks. */
export type HttpRoute =
  | 'atom'
  | 'resource-manager'
  | 'unknown-version'
  | 'health'
  | 'liveness'
  | 'readiness'
  | 'metrics'
  | 'api'
  | 'websocket'
  | 'nothing';

const OURS: ReadonlyMap<string, HttpRoute> = new Map([
  [HEALTH_PATH, 'health'],
  [LIVENESS_PATH, 'liveness'],
  [READINESS_PATH, 'readiness'],
  [METRICS_PATH, 'metrics'],
]);

/** Azure Resource Manager dates its versions by day, some of them with a suffix. */
export const DATED_VERSION = /^\d{4}-\d{2}-\d{2}(-[a-z]+)?$/i;
const RESOURCE_MANAGER_PATH = /^\/(subscriptions|providers)(\/|$)/i;

/**
 * Whom the target of a request is for. Queues and topics may be called anything, `health` or `subscriptions/x` too, so the path
 * alone cannot tell: `api-version` decides. With one of Service Bus it is the admin API, with any other the paths of Azure
 * Resource Manager are for that one, which knows what it is to be, and without any the paths of our own.
 */
export function httpRouteOf(target: string): HttpRoute {
  const { path, version } = partsOf(target);
  const route = routeOfPath(path);
  // No entity can be called so.
  if (route === 'websocket') return route;
  if (version !== undefined && (ATOM_API_VERSIONS as readonly string[]).includes(version)) return 'atom';
  if (RESOURCE_MANAGER_PATH.test(path)) return 'resource-manager';
  return version === undefined ? route : 'unknown-version';
}

/** The path of a request's target, without its query, still percent-encoded. */
export function pathOfTarget(target: string): string {
  return partsOf(target).path;
}

function routeOfPath(path: string): HttpRoute {
  const ours = OURS.get(path);
  if (ours) return ours;
  if (path.startsWith(API_PREFIX)) return 'api';
  // .NET writes it with a slash at the end, others without; some write the dollar sign as %24.
  return path
    .replace(/^\/%24/, '/$')
    .replace(/\/$/, '')
    .toLowerCase() === WEBSOCKET_PATH
    ? 'websocket'
    : 'nothing';
}

function partsOf(target: string): { readonly path: string; readonly version: string | undefined } {
  // A proxy's form names scheme and host besides (RFC 9112, section 3.2.2).
  const local = target.replace(/^https?:\/\/[^/?]*/i, '');
  const mark = local.indexOf('?');
  if (mark < 0) return { path: local, version: undefined };
  for (const [name, value] of new URLSearchParams(local.slice(mark + 1)))
    if (name.toLowerCase() === 'api-version') return { path: local.slice(0, mark), version: value };
  return { path: local.slice(0, mark), version: undefined };
}
