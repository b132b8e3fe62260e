/**
 * A link address as the official clients write it, made comparable: `q1`, `/q1`, `sb://host:5672/q1`, `amqps://host/q%201`
 * (service-bus-protocol.md §3). The terminus itself is echoed as it came; only look-ups use this form.
 */
export interface NodeAddress {
  /** Path without scheme, authority, leading or trailing slash, percent-decoded, in the client's case. */
  readonly path: string;
  readonly kind: 'entity' | 'management' | 'cbs';
}

const SCHEME_AND_AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\/[^/]*/i;
const MANAGEMENT_SUFFIX = '/$management';

/**
 * The path of an address or of a token's audience: what is left without scheme, authority, query and surrounding slashes. Anybody
 * may send an address of many thousand characters, without a token, so this takes a time in proportion to their number.
 */
export function pathOf(address: string): string {
  const whole = address.replace(SCHEME_AND_AUTHORITY, '');
  const query = whole.search(/[?#]/);
  let start = 0;
  let end = query < 0 ? whole.length : query;
  while (start < end && whole[start] === '/') start++;
  while (end > start && whole[end - 1] === '/') end--;
  const trimmed = whole.slice(start, end);
  try {
    return decodeURIComponent(trimmed);
  } catch {
    return trimmed;
  }
}

/** Takes an address apart; `management` comes with the path of its entity. */
export function parseAddress(address: string): NodeAddress {
  const path = pathOf(address);
  const lower = path.toLowerCase();
  if (lower === '$cbs') return { path: '$cbs', kind: 'cbs' };
  if (lower.endsWith(MANAGEMENT_SUFFIX)) return { path: path.slice(0, -MANAGEMENT_SUFFIX.length), kind: 'management' };
  return { path, kind: 'entity' };
}

/** Whether `path` is `scope` or lies under it, segment by segment; the empty scope is the whole namespace. */
export function isUnder(path: string, scope: string): boolean {
  if (scope === '') return true;
  const lowerPath = path.toLowerCase();
  const lowerScope = scope.toLowerCase();
  return lowerPath === lowerScope || lowerPath.startsWith(`${lowerScope}/`);
}

const UNDER_ENTITY = /\/(\$|subscriptions(\/|$))/i;

/**
 * The queue or topic that a path belongs to: itself or, under it, its `$management`, its `$DeadLetterQueue` and its subscriptions; undefined for
 * the namespace.
 */
export function queueOf(path: string): string | undefined {
  const end = path.search(UNDER_ENTITY);
  const queue = end < 0 ? path : path.slice(0, end);
  return queue === '' || queue.startsWith('$') ? undefined : queue;
}
