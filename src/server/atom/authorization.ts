import type { AccessRight } from '../access-rule.ts';
import type { Credential } from '../access-rules.ts';
import { expiryOf, hasRight, tokenIn, verdictOn } from '../http-authorization.ts';
import { isSasToken } from '../sas-token.ts';
import type { Service } from '../service.ts';
import { AtomRefusal } from './atom-refusal.ts';
import type { AtomRequest } from './atom-request.ts';
import { ownerOf } from './target.ts';

/** The header of the token for what is forwarded to. */
export const FORWARD_TO_TOKEN = 'servicebussupplementaryauthorization';
export const FORWARD_DEAD_LETTERS_TOKEN = 'servicebusdlqsupplementaryauthorization';

/** What the service says that a request needs. */
const CLAIMS: Readonly<Record<string, string>> = {
  GET: 'Manage,EntityRead',
  PUT: 'Manage,EntityWrite',
  DELETE: 'Manage,EntityDelete',
};

/**
 * Lets a request in that holds a token of a rule with the right Manage on what it names; with Listen on a topic its rules can be read, too (docs:
 * service-bus-sas.md, "Rights required for Service Bus operations").
 *
 * @throws AtomRefusal 401
 */
export function authorize(service: Service, request: AtomRequest): void {
  const header = request.header('authorization');
  if (service.auth === 'none') {
    const refused = header === undefined ? undefined : expiryOf(service, header);
    if (refused) throw unauthorized(refused.description);
    return;
  }
  if (header === undefined) throw unauthorized('MissingToken: The authorization header was not found.');
  const caller = callerOf(service, header, request.urlPath);
  const { kind } = request.target;
  const rights: AccessRight[] =
    request.method === 'GET' && (kind === 'rules' || kind === 'rule') ? ['Manage', 'Listen'] : ['Manage'];
  if (!rights.some((right) => hasRight(caller, ownerOf(request.target), right)))
    throw unauthorized(`${CLAIMS[request.method] ?? 'Manage'} claims required for this operation.`);
}

/**
 * Who lets an entity forward must be allowed to manage the destination: by the token of the request itself, if it is good for the destination too, or by
 * one of its own in `header`.
 *
 * @throws AtomRefusal 401
 */
export function authorizeForwarding(
  service: Service,
  request: AtomRequest,
  forwarding: { readonly destination: string; readonly header: string },
): void {
  if (service.auth === 'none') return;
  const { destination, header } = forwarding;
  const urlPath = `/${encodeURI(destination)}`;
  const own = verdictOn(service, request.header('authorization') ?? '', urlPath);
  if (own.granted && hasRight(own.credential, destination, 'Manage')) return;
  const token = request.header(header);
  if (token === undefined)
    throw unauthorized(
      `To forward to '${destination}' the header ServiceBusSupplementaryAuthorization (for dead-lettered messages ServiceBusDlqSupplementaryAuthorization) must hold a token for it.`,
    );
  const credential = callerOf(service, token, isForHost(service, request, token) ? `/${request.host}` : urlPath);
  if (!hasRight(credential, destination, 'Manage'))
    throw unauthorized(`Manage claims on '${destination}' required to forward to it.`);
}

/**
 * The JavaScript client signs the host alone, without a scheme, which looks like the name of a queue. Any client may call the host what it likes, so it must
 * not be the name of one.
 */
function isForHost(service: Service, { host }: AtomRequest, token: string): boolean {
  const { namespace } = service;
  if (namespace.destination(host)) return false;
  return verdictOn(service, token, `/${host}`).granted;
}

function callerOf(service: Service, header: string, urlPath: string): Credential {
  if (!isSasToken(tokenIn(header)))
    throw unauthorized(
      'InvalidToken: Only shared access signatures can be verified here. Use a connection string with SharedAccessKeyName and SharedAccessKey, or start the broker with --auth none, which takes any token.',
    );
  const verdict = verdictOn(service, header, urlPath);
  if (!verdict.granted) throw unauthorized(verdict.description);
  return verdict.credential;
}

function unauthorized(said: string): AtomRefusal {
  return new AtomRefusal(401, said, { code: 'UNAUTHORIZED' });
}
