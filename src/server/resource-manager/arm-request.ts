import type { IncomingMessage } from 'node:http';
import { headerOf, originOf, parametersOf } from '../http-request.ts';
import type { Page } from '../http-request.ts';
import { DATED_VERSION, pathOfTarget } from '../http-route.ts';
import { LIMITS } from '../limits.ts';
import { ArmRefusal, badRequest } from './refusal.ts';
import { resourcePathOf } from './resource-id.ts';
import type { ResourcePath } from './resource-id.ts';

/** A request to Azure Resource Manager, without its body. */
export interface ArmRequest {
  readonly method: string;
  readonly path: ResourcePath;
  /** Of the URL as it came, percent-encoded. */
  readonly urlPath: string;
  /** Scheme and authority as the client wrote them, for the addresses in the answer. */
  readonly origin: string;
  readonly apiVersion: string;
  readonly page: Page;
}

/** Of `$skip`; the service has 1,000, but says nothing of lists that are longer, whose next pages begin behind that. */
const MAX_SKIP = 1_000_000;

/** @throws ArmRefusal */
export function readRequest(request: IncomingMessage): ArmRequest {
  const url = request.url ?? '/';
  const urlPath = pathOfTarget(url);
  const parameters = parametersOf(url);
  return {
    method: request.method ?? 'GET',
    apiVersion: versionOf(parameters),
    path: resourcePathOf(urlPath),
    urlPath,
    origin: originOf(request),
    page: {
      skip: count(parameters, '$skip', { min: 0, max: MAX_SKIP, usual: 0 }),
      top: count(parameters, '$top', { min: 1, max: LIMITS.entitiesPerPageMax, usual: LIMITS.entitiesPerPage }),
    },
  };
}

export function authorizationOf(request: IncomingMessage): string | undefined {
  return headerOf(request, 'authorization');
}

/** Any day is taken: what is served is the same in all versions. */
function versionOf(parameters: ReadonlyMap<string, string>): string {
  const version = parameters.get('api-version');
  if (version === undefined || version === '')
    throw new ArmRefusal(
      'MissingApiVersionParameter',
      'The api-version query parameter (?api-version=) is required for all requests: give a date such as 2021-11-01.',
    );
  if (!DATED_VERSION.test(version))
    throw new ArmRefusal(
      'InvalidApiVersionParameter',
      `The api-version '${version}' is invalid: it must be a date such as 2021-11-01, or one with a suffix such as 2022-10-01-preview.`,
    );
  return version;
}

function count(
  parameters: ReadonlyMap<string, string>,
  name: string,
  { min, max, usual }: { readonly min: number; readonly max: number; readonly usual: number },
): number {
  const text = parameters.get(name);
  if (text === undefined || text === '') return usual;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw badRequest(`${name} is '${text}'; it must be a whole number from ${min} to ${max}.`);
}
