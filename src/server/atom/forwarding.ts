import { pathOf } from '../address.ts';
import { FORWARD_DEAD_LETTERS_TOKEN, FORWARD_TO_TOKEN, authorizeForwarding } from './authorization.ts';
import type { AtomRequest } from './atom-request.ts';
import type { AtomParts } from './parts.ts';

const DESTINATIONS = [
  ['forwardTo', FORWARD_TO_TOKEN],
  ['forwardDeadLetteredMessagesTo', FORWARD_DEAD_LETTERS_TOKEN],
] as const;

type Destinations = { readonly [D in (typeof DESTINATIONS)[number][0]]?: string | undefined };

/**
 * `given` with the names of what it lets an entity forward to. Who asks must be allowed to manage them; what is there already needs no right.
 *
 * @throws AtomRefusal 401
 */
export function withDestinations(
  { service }: AtomParts,
  request: AtomRequest,
  options: { readonly given: Record<string, unknown>; readonly present?: Destinations },
): Record<string, unknown> {
  const { given, present } = options;
  const named = { ...given };
  for (const [property, header] of DESTINATIONS) {
    const address = given[property];
    if (typeof address !== 'string') continue;
    const destination = destinationOf(address);
    named[property] = destination;
    if (destination.toLowerCase() === present?.[property]?.toLowerCase()) continue;
    authorizeForwarding(service, request, { destination, header });
  }
  return named;
}

const ADDRESS = /^[a-z][a-z0-9+.-]*:\/\//i;

/** The name in an address, percent-decoded. The Java client takes `sb://host/name` for a name, and puts it behind another address. */
function destinationOf(address: string): string {
  const path = pathOf(address);
  return ADDRESS.test(path) ? pathOf(path) : path;
}
