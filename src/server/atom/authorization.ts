import { allows } from '../access-rule.ts';
import type { AccessRight } from '../access-rule.ts';
import type { Credential } from '../access-rules.ts';
import { jwtExpiryMs } from '../json-web-token.ts';
import { expired, isSasToken, sasExpiryMs, verifySasToken } from '../sas-token.ts';
import type { Service } from '../service.ts';
import { AtomRefusal } from './atom-refusal.ts';
import type { AtomRequest } from './atom-request.ts';
import { ownerOf } from './target.ts';

/** Who asks: the access rule that the token was signed with; undefined when nobody is asked for anything (`auth` none). */
export type Caller = Credential | undefined;

/** The header of the token for what is forwarded to. */
export const FORWARD_TO_TOKEN = 'servicebussupplementaryauthorization';
export const FORWARD_DEAD_LETTERS_TOKEN = 'servicebusdlqsupplementaryauthorization';

const BEARER = /^bearer +/i;

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
export function authorize(service: Service, request: AtomRequest): Caller {
  const header = request.header('authorization');
  if (service.auth === 'none') {
    if (header !== undefined) mustNotHaveExpired(service, header.replace(BEARER, ''));
    return undefined;
  }
  if (header === undefined) throw unauthorized('MissingToken: The authorization header was not found.');
  const caller = callerOf(service, header, request.urlPath);
  const { kind } = request.target;
  const rights: AccessRight[] =
    request.method === 'GET' && (kind === 'rules' || kind === 'rule') ? ['Manage', 'Listen'] : ['Manage'];
  if (!rights.some((right) => hasRight(caller, ownerOf(request.target), right)))
    throw unauthorized(`${CLAIMS[request.method] ?? 'Manage'} claims required for this operation.`);
  return caller;
}

/**
 * Who lets an entity forward must be allowed to manage the destination: by the rule of the request itself, or by a token of its own.
 *
 * @throws AtomRefusal 401
 */
export function authorizeForwarding(
  service: Service,
  caller: Caller,
  forwarding: { readonly destination: string; readonly token: string | undefined },
): void {
  const { destination, token } = forwarding;
  if (caller === undefined || hasRight(caller, destination, 'Manage')) return;
  if (token === undefined)
    throw unauthorized(
      `To forward to '${destination}' the header ServiceBusSupplementaryAuthorization (for dead-lettered messages ServiceBusDlqSupplementaryAuthorization) must hold a token for it.`,
    );
  const holder = callerOf(service, token, `/${encodeURI(destination)}`);
  if (!hasRight(holder, destination, 'Manage'))
    throw unauthorized(`Manage claims on '${destination}' required to forward to it.`);
}

function callerOf(service: Service, header: string, urlPath: string): Credential {
  const token = header.replace(BEARER, '');
  if (!isSasToken(token))
    throw unauthorized(
      'InvalidToken: Only shared access signatures can be verified here. Use a connection string with SharedAccessKeyName and SharedAccessKey, or start the broker with --auth none, which takes any token.',
    );
  const verdict = verifySasToken({ token, audience: urlPath, rules: service.rules, nowMs: service.clock.wallMs() });
  if (!verdict.granted) throw unauthorized(verdict.description);
  return verdict.credential;
}

/** `owner` is the queue or topic; undefined: the namespace. */
function hasRight({ rule }: Credential, owner: string | undefined, right: AccessRight): boolean {
  return (rule.queue === undefined || rule.queue.toLowerCase() === owner?.toLowerCase()) && allows(rule.rights, right);
}

function mustNotHaveExpired(service: Service, token: string): void {
  const expiresAtMs = isSasToken(token) ? sasExpiryMs(token) : jwtExpiryMs(token);
  if (!(expiresAtMs > service.clock.wallMs())) throw unauthorized(expired(expiresAtMs).description);
}

function unauthorized(said: string): AtomRefusal {
  return new AtomRefusal(401, said, { code: 'UNAUTHORIZED' });
}
