import { pathOf } from '../address.ts';
import { FORWARD_DEAD_LETTERS_TOKEN, FORWARD_TO_TOKEN, authorizeForwarding } from './authorization.ts';
import type { Caller } from './authorization.ts';
import type { AtomRequest } from './atom-request.ts';
import type { AtomParts } from './parts.ts';

const DESTINATIONS = [
  ['forwardTo', FORWARD_TO_TOKEN],
  ['forwardDeadLetteredMessagesTo', FORWARD_DEAD_LETTERS_TOKEN],
] as const;

type Destinations = { readonly [D in (typeof DESTINATIONS)[number][0]]?: string | undefined };

/**
 * Checks that the caller may let an entity forward to what is `given`; what is there already needs no right.
 *
 * @throws AtomRefusal 401
 */
export function mayForward(
  { service }: AtomParts,
  request: AtomRequest,
  options: { readonly caller: Caller; readonly given: Record<string, unknown>; readonly present?: Destinations },
): void {
  const { caller, given, present } = options;
  for (const [property, header] of DESTINATIONS) {
    const address = given[property];
    if (typeof address !== 'string') continue;
    const destination = pathOf(address);
    if (destination.toLowerCase() === present?.[property]?.toLowerCase()) continue;
    authorizeForwarding(service, caller, { destination, token: request.header(header) });
  }
}
