import { ArmRefusal } from './refusal.ts';

/** The one resource provider that is served. */
export const PROVIDER = 'Microsoft.ServiceBus';

/** A resource within another one, or within the provider: `queues/orders`. */
export interface Segment {
  /** As it was written. */
  readonly type: string;
  readonly name: string;
}

/**
 * The path of a request (resource-manager-rest): a subscription, below it mostly a resource group, then a provider and pairs of type and name. What
 * remains behind the last pair is the type of a list, or, in a POST, an action.
 */
export interface ResourcePath {
  readonly subscription: string;
  readonly resourceGroup: string | undefined;
  readonly segments: readonly Segment[];
  readonly rest: string | undefined;
}

/** Azure has GUIDs; any other id is taken, too. */
const SUBSCRIPTION = /^[A-Za-z0-9][\w.-]{0,89}$/;
/** Letters and digits of any script, and `_ - . ( )`, 90 at most, no period at the end (resource-name-rules). */
const RESOURCE_GROUP = /^[\p{L}\p{N}_\-.()]{0,89}[\p{L}\p{N}_\-()]$/u;
/** Parts of a path; the longest that is served has 17. */
const MAX_PARTS = 32;

/**
 * Reads the path of a request's URL, still percent-encoded. Keywords may be in any case. In names a slash is written as `%2F` or, as in templates, `~`.
 *
 * @throws ArmRefusal
 */
export function resourcePathOf(urlPath: string): ResourcePath {
  const parts = partsOf(urlPath);
  const [keyword = '', subscription = '', ...behind] = parts;
  if (!same(keyword, 'subscriptions') || subscription === '')
    throw new ArmRefusal(
      'MissingSubscription',
      `The path '${urlPath}' names no subscription: it must begin with /subscriptions/{subscriptionId}; any id is taken.`,
    );
  if (!SUBSCRIPTION.test(subscription))
    throw new ArmRefusal(
      'InvalidSubscriptionId',
      `The subscription id '${subscription}' must have 1 to 90 letters, digits, periods, hyphens and underscores, and begin with a letter or digit.`,
    );
  const { resourceGroup, below } = groupOf(behind);
  const [providers, provider, ...path] = below;
  if (providers === undefined || provider === undefined || !same(providers, 'providers')) throw notServed(urlPath);
  if (!same(provider, PROVIDER))
    throw new ArmRefusal(
      'InvalidResourceNamespace',
      `The resource provider '${provider}' is not served here: this broker has the resources of ${PROVIDER} only.`,
    );
  return { subscription, resourceGroup, ...pairsOf(path) };
}

/** The id that a resource has in answers: types as the service writes them, slashes in names as `~`. */
export function resourceId(scope: string, segments: readonly Segment[]): string {
  const path = segments.map(({ type, name }) => `/${type}/${armName(name)}`);
  return `${scope}/providers/${PROVIDER}${path.join('')}`;
}

/** The name of a queue or topic as it stands in ids. */
export function armName(name: string): string {
  return name.replaceAll('/', '~');
}

export function entityNameOf(armName: string): string {
  return armName.replaceAll('~', '/');
}

function groupOf(parts: readonly string[]): { resourceGroup: string | undefined; below: readonly string[] } {
  const [keyword, resourceGroup, ...below] = parts;
  if (keyword === undefined || resourceGroup === undefined || !same(keyword, 'resourceGroups'))
    return { resourceGroup: undefined, below: parts };
  if (!RESOURCE_GROUP.test(resourceGroup))
    throw new ArmRefusal(
      'InvalidResourceGroup',
      `The resource group name '${resourceGroup}' must have 1 to 90 letters, digits and _ - . ( ), and no period at the end.`,
    );
  return { resourceGroup, below };
}

function pairsOf(path: readonly string[]): { segments: Segment[]; rest: string | undefined } {
  const segments: Segment[] = [];
  for (let at = 0; at + 1 < path.length; at += 2) segments.push({ type: path[at] ?? '', name: path[at + 1] ?? '' });
  return { segments, rest: path.length % 2 === 1 ? path.at(-1) : undefined };
}

function partsOf(urlPath: string): string[] {
  const parts = urlPath.replace(/^\//, '').replace(/\/$/, '').split('/');
  if (parts.length > MAX_PARTS)
    throw new ArmRefusal('BadRequest', `The path has ${parts.length} parts, and at most ${MAX_PARTS} are read.`);
  return parts.map((part) => {
    try {
      return decodeURIComponent(part);
    } catch (cause) {
      throw new ArmRefusal('BadRequest', `The path '${urlPath}' is not percent-encoded UTF-8.`, { cause });
    }
  });
}

function notServed(urlPath: string): ArmRefusal {
  return new ArmRefusal(
    'InvalidResourceType',
    `There is nothing at '${urlPath}': this broker has the resources of ${PROVIDER} only. Subscriptions and resource groups are not kept here; any of their names is taken, so none has to be made.`,
  );
}

/** Ids and keywords in them, of which case does not count. */
export function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
