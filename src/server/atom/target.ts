import { subscriptionPath } from '../../topology/index.ts';
import { AtomRefusal } from './atom-refusal.ts';

/** What the path of a request names (service-bus-protocol.md §12.1). */
export type Target =
  | { readonly kind: 'namespace' }
  | { readonly kind: 'queues' }
  | { readonly kind: 'topics' }
  /** A queue or a topic; which of the two, only the namespace knows. */
  | { readonly kind: 'entity'; readonly name: string }
  | { readonly kind: 'subscriptions'; readonly topic: string }
  | { readonly kind: 'subscription'; readonly topic: string; readonly name: string }
  | { readonly kind: 'rules'; readonly topic: string; readonly subscription: string }
  | { readonly kind: 'rule'; readonly topic: string; readonly subscription: string; readonly name: string };

/** Names of queues and topics may hold slashes, those of subscriptions and rules may not. */
const PART = /^(.+?)\/subscriptions(?:\/([^/]+)(\/rules(?:\/([^/]+))?)?)?$/i;

/**
 * Reads the path of a request's URL, still percent-encoded. Keywords may be in any case, a slash at the end is ignored.
 *
 * @throws AtomRefusal 400
 */
export function targetOf(urlPath: string): Target {
  const path = trimSlashes(decode(urlPath));
  const lower = path.toLowerCase();
  if (lower === '$namespaceinfo') return { kind: 'namespace' };
  if (lower === '$resources/queues') return { kind: 'queues' };
  if (lower === '$resources/topics') return { kind: 'topics' };
  const [, topic, subscription, rules, rule] = PART.exec(path) ?? [];
  if (topic === undefined) return { kind: 'entity', name: path };
  if (subscription === undefined) return { kind: 'subscriptions', topic };
  if (rules === undefined) return { kind: 'subscription', topic, name: subscription };
  return rule === undefined
    ? { kind: 'rules', topic, subscription }
    : { kind: 'rule', topic, subscription, name: rule };
}

/** The path as it is written in addresses. */
export function targetPath(target: Target): string {
  switch (target.kind) {
    case 'namespace':
      return '$namespaceinfo';
    case 'queues':
      return '$Resources/queues';
    case 'topics':
      return '$Resources/topics';
    case 'entity':
      return target.name;
    case 'subscriptions':
      return `${target.topic}/Subscriptions`;
    case 'subscription':
      return subscriptionPath(target.topic, target.name);
    case 'rules':
      return `${subscriptionPath(target.topic, target.subscription)}/Rules`;
    case 'rule':
      return `${subscriptionPath(target.topic, target.subscription)}/Rules/${target.name}`;
  }
}

/** The queue or topic whose access rules count; undefined: only the namespace's do. */
export function ownerOf(target: Target): string | undefined {
  switch (target.kind) {
    case 'namespace':
    case 'queues':
    case 'topics':
      return undefined;
    case 'entity':
      return target.name;
    default:
      return target.topic;
  }
}

function trimSlashes(path: string): string {
  let start = 0;
  let end = path.length;
  while (path[start] === '/') start++;
  while (end > start && path[end - 1] === '/') end--;
  return path.slice(start, end);
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw new AtomRefusal(400, `SubCode=40000. The path '${path}' is not percent-encoded UTF-8.`, { cause });
  }
}
