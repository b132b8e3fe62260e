import { formatDuration, parseDuration } from '../duration.ts';
import type { Path } from '../../document/file-problem.ts';
import { shown } from '../../document/issue-reason.ts';
import type { DraftEntity, DraftSubscription, DraftTopic, NamespaceDraft } from './namespace-draft.ts';
import type { NamespaceReader } from './namespace-reader.ts';
import { queueDescription } from '../queue.ts';
import { subscriptionDescription } from '../subscription.ts';
import { topicDescription } from '../topic.ts';

// Config.json of Microsoft's Service Bus emulator (service-bus-semantics.md, section 5): its names, its shape, its defaults. Its limits are not
// ours; properties of Service Bus that it does not know are taken, too.

/** What the file calls a property of ours. */
const pascal = (name: string | number): string | number =>
  typeof name === 'string' ? name.charAt(0).toUpperCase() + name.slice(1) : name;

interface Kind {
  /** The properties' names here by their names in the file. */
  readonly names: ReadonlyMap<string, string>;
  readonly defaults: Readonly<Record<string, unknown>>;
}

function kind(shape: object, defaults: Readonly<Record<string, unknown>>): Kind {
  const properties = Object.keys(shape).filter((name) => name !== 'name' && name !== 'topicName');
  return { names: new Map(properties.map((name) => [String(pascal(name)), name])), defaults };
}

const DEFAULTS = { defaultMessageTimeToLive: 'PT1H' };
const WINDOW = { duplicateDetectionHistoryTimeWindow: 'PT20S' };
const QUEUE = kind(queueDescription.shape, { ...DEFAULTS, ...WINDOW, maxDeliveryCount: 3 });
const TOPIC = kind(topicDescription.shape, { ...DEFAULTS, ...WINDOW });
const SUBSCRIPTION = kind(subscriptionDescription.shape, { ...DEFAULTS, maxDeliveryCount: 3 });

/** The emulator takes a window from 5 s on, Service Bus from 20 s on. */
const EMULATOR_LEAST_WINDOW_MS = 5_000;
const LEAST_WINDOW_MS = 20_000;

/** The top of a file of the emulator; nothing else has it. */
export const EMULATOR_ROOT = 'UserConfig';

/** Takes a file apart; what it does not know is noted by the reader. */
export function draftOfEmulatorFile(reader: NamespaceReader, value: unknown): NamespaceDraft {
  const top = reader.properties(value, [], [EMULATOR_ROOT, '$schema']);
  // How the emulator logs is nothing to us.
  const config = reader.properties(top?.[EMULATOR_ROOT], [EMULATOR_ROOT], ['Namespaces', 'Logging']);
  const place = [EMULATOR_ROOT, 'Namespaces'];
  const namespaces = reader.list(config?.['Namespaces'], place);
  if (config && namespaces.length !== 1)
    reader.refuse(place, `must be a list of one namespace, not of ${namespaces.length}; another one is another broker`);
  const path = [...place, 0];
  const [first = {}] = namespaces;
  const { Queues, Topics } = reader.properties(first, path, ['Name', 'Queues', 'Topics']) ?? {};
  return {
    queues: reader.each(Queues, [...path, 'Queues'], (queue, at) => {
      const given = reader.properties(queue, at, ['Name', 'Properties']);
      return given && draftEntity(reader, { ...given, kind: QUEUE, path: at });
    }),
    topics: reader.each(Topics, [...path, 'Topics'], (topic, at) => draftTopic(reader, topic, at)),
  };
}

function draftTopic(reader: NamespaceReader, value: unknown, path: Path): DraftTopic | undefined {
  const given = reader.properties(value, path, ['Name', 'Properties', 'Subscriptions']);
  return (
    given && {
      ...draftEntity(reader, { ...given, kind: TOPIC, path }),
      subscriptions: reader.each(given['Subscriptions'], [...path, 'Subscriptions'], (subscription, at) =>
        draftSubscription(reader, subscription, at),
      ),
    }
  );
}

/** A list of rules that is empty says nothing: the subscription has `$Default`. */
function draftSubscription(reader: NamespaceReader, value: unknown, path: Path): DraftSubscription | undefined {
  const given = reader.properties(value, path, ['Name', 'Properties', 'Rules']);
  if (given === undefined) return undefined;
  const rules = reader.each(given['Rules'], [...path, 'Rules'], (rule, at) => draftRule(reader, rule, at));
  return {
    ...draftEntity(reader, { ...given, kind: SUBSCRIPTION, path }),
    rules: rules.length > 0 ? rules : undefined,
  };
}

const FILTER_TYPES: Readonly<Record<string, string>> = { Correlation: 'CorrelationFilter', Sql: 'SqlFilter' };
const EXPRESSION = ['SqlExpression', 'Parameters'];
/** Azure Resource Manager has these two; they change nothing there either. */
const WITHOUT_MEANING = ['CompatibilityLevel', 'RequiresPreprocessing'];
const CORRELATION = [
  'ContentType',
  'CorrelationId',
  'Label',
  'MessageId',
  'ReplyTo',
  'ReplyToSessionId',
  'SessionId',
  'To',
];

function draftRule(reader: NamespaceReader, value: unknown, path: Path): DraftEntity | undefined {
  const rule = reader.properties(value, path, ['Name', 'Properties']);
  if (rule === undefined) return undefined;
  const at = [...path, 'Properties'];
  const known = ['FilterType', 'CorrelationFilter', 'SqlFilter', 'Action'];
  const given = reader.properties(rule['Properties'], at, known);
  if (given === undefined) return undefined;
  const part = (name: string, known: readonly string[]): object | undefined => {
    if (given[name] === undefined || given[name] === null) return undefined;
    const properties = reader.properties(given[name], [...at, name], [...known, ...WITHOUT_MEANING]);
    return properties && camelCased(properties, known);
  };
  const type = given['FilterType'];
  if (typeof type !== 'string' || FILTER_TYPES[type] === undefined)
    reader.refuse(
      [...at, 'FilterType'],
      `${type === undefined ? 'is missing; it ' : ''}must be 'Correlation' or 'Sql'${type === undefined ? '' : `, not ${shown(type)}`}`,
    );
  return {
    input: {
      name: rule['Name'],
      filterType: FILTER_TYPES[String(type)],
      sqlFilter: part('SqlFilter', EXPRESSION),
      correlationFilter: part('CorrelationFilter', [...CORRELATION, 'Properties']),
      action: part('Action', EXPRESSION),
    },
    // Names within Properties and Parameters are the user's.
    inFile: ([first, second, ...rest]) => {
      if (first === undefined) return path;
      if (first === 'name') return [...path, 'Name'];
      return second === undefined ? [...at, pascal(first)] : [...at, pascal(first), pascal(second), ...rest];
    },
  };
}

function draftEntity(
  reader: NamespaceReader,
  given: { readonly Name?: unknown; readonly Properties?: unknown; readonly kind: Kind; readonly path: Path },
): DraftEntity {
  const { kind, path } = given;
  const at = [...path, 'Properties'];
  const names = [...kind.names.keys()];
  const properties = reader.properties(given.Properties ?? {}, at, names) ?? {};
  const input = { ...kind.defaults, ...camelCased(properties, names), name: given.Name };
  return {
    input: { ...input, ...lengthenedWindow(reader, input, at) },
    inFile: ([first, ...rest]) => {
      if (first === undefined) return path;
      return first === 'name' ? [...path, 'Name'] : [...at, pascal(first), ...rest];
    },
  };
}

/** With our names, without what is null or, as the emulator writes "nowhere", an empty text. */
function camelCased(given: Readonly<Record<string, unknown>>, known: readonly string[]): Record<string, unknown> {
  const said = Object.entries(given).filter(([name, value]) => known.includes(name) && value !== null);
  const renamed = said.map(([name, value]) => [name.charAt(0).toLowerCase() + name.slice(1), value] as const);
  return Object.fromEntries(renamed.filter(([name, value]) => value !== '' || !name.startsWith('forward')));
}

function lengthenedWindow(reader: NamespaceReader, input: Readonly<Record<string, unknown>>, path: Path): object {
  const window = input['duplicateDetectionHistoryTimeWindow'];
  if (typeof window !== 'string') return {};
  const ms = lengthOf(window);
  if (ms === undefined || ms < EMULATOR_LEAST_WINDOW_MS || ms >= LEAST_WINDOW_MS) return {};
  const least = formatDuration(LEAST_WINDOW_MS);
  reader.remark(
    [...path, 'DuplicateDetectionHistoryTimeWindow'],
    `${window} is less than Service Bus takes; it is ${least}`,
  );
  return { duplicateDetectionHistoryTimeWindow: least };
}

function lengthOf(duration: string): number | undefined {
  try {
    return parseDuration(duration, 'window');
  } catch {
    return undefined;
  }
}
