import { compileAction, compileFilter, type Environment, FilterUuid } from '../../filter/index.ts';
import { enumReason } from '../../document/issue-reason.ts';
import type { DeclaredSubscription, DeclaredTopic, NamespaceDescription } from '../namespace.ts';
import type { PathInFile } from '../../document/content-reader.ts';
import type { NamespaceReader } from './namespace-reader.ts';
import { parseQueueDescription, queueDescription, type QueueDescription } from '../queue.ts';
import { type RuleDescription, ruleDescription } from '../rule.ts';
import { parseSubscriptionDescription, subscriptionDescription } from '../subscription.ts';
import { topicDescription } from '../topic.ts';

/** An entity as a file says it, with the names of Azure Resource Manager, not yet checked. */
export interface DraftEntity {
  readonly input: Readonly<Record<string, unknown>>;
  readonly inFile: PathInFile;
}

export interface DraftTopic extends DraftEntity {
  readonly subscriptions: readonly DraftSubscription[];
}

/** Its input is without the topic's name. */
export interface DraftSubscription extends DraftEntity {
  /** As in `DeclaredSubscription`. */
  readonly rules: readonly DraftEntity[] | undefined;
}

export interface NamespaceDraft {
  readonly queues: readonly DraftEntity[];
  readonly topics: readonly DraftTopic[];
}

/** Checks everything, one by one and together. What is wrong is noted by the reader and missing in the description. */
export function describeNamespace(reader: NamespaceReader, draft: NamespaceDraft): NamespaceDescription {
  const names = new TakenNames(reader);
  for (const queue of draft.queues) names.take(queue, 'queue');
  for (const topic of draft.topics) names.take(topic, 'topic');
  return {
    queues: draft.queues.map((queue) => describeQueue(reader, queue)).filter(isKnown),
    topics: draft.topics.map((topic) => describeTopic(reader, topic)).filter(isKnown),
  };
}

function describeQueue(reader: NamespaceReader, { input, inFile }: DraftEntity): QueueDescription | undefined {
  const description = reader.read(queueDescription, input, inFile);
  return description && reader.check(() => parseQueueDescription(description), inFile);
}

function describeTopic(reader: NamespaceReader, { input, inFile, ...draft }: DraftTopic): DeclaredTopic | undefined {
  const description = reader.read(topicDescription, input, inFile);
  const names = new TakenNames(reader);
  const subscriptions = draft.subscriptions.map((subscription) => {
    names.take(subscription, 'subscription');
    return describeSubscription(reader, subscription, description?.name ?? UNKNOWN_TOPIC);
  });
  return description && { description, subscriptions: subscriptions.filter(isKnown) };
}

/** Stands for a topic whose name is wrong, so that its subscriptions are checked all the same. */
const UNKNOWN_TOPIC = 'topic';

function describeSubscription(
  reader: NamespaceReader,
  { input, inFile, rules }: DraftSubscription,
  topicName: string,
): DeclaredSubscription | undefined {
  const read = reader.read(subscriptionDescription, { topicName, ...input }, inFile);
  const description = read && reader.check(() => parseSubscriptionDescription(read), inFile);
  const names = new TakenNames(reader);
  const described = rules?.map((rule) => {
    names.take(rule, 'rule');
    return describeRule(reader, rule);
  });
  return description && { description, ...(described && { rules: described.filter(isKnown) }) };
}

/** What each type of filter has of its own. */
const FILTERS: Readonly<Record<string, string>> = { sqlFilter: 'SqlFilter', correlationFilter: 'CorrelationFilter' };

const FILTER_TYPES = ruleDescription.options.map(({ shape }) => shape.filterType.value);

/** A rule that does not say its type has that of the filter that it has, and without one it lets everything in. */
function describeRule(reader: NamespaceReader, { input, inFile }: DraftEntity): RuleDescription | undefined {
  const given = Object.keys(FILTERS).filter((name) => input[name] !== undefined);
  const filterType = input['filterType'] ?? FILTERS[given[0] ?? ''] ?? 'TrueFilter';
  const odd = given.filter((name) => FILTERS[name] !== filterType);
  const schema = ruleDescription.options.find(({ shape }) => shape.filterType.value === filterType);
  if (schema === undefined) {
    reader.refuse(inFile(['filterType']), enumReason(FILTER_TYPES, filterType));
    return undefined;
  }
  for (const name of odd)
    reader.refuse(
      inFile([name]),
      `does not go with a filter of type ${schema.shape.filterType.value}; leave out one of the two`,
    );
  const rest = Object.fromEntries(
    Object.entries(input).filter(([name, value]) => value !== undefined && !odd.includes(name)),
  );
  const rule = reader.read(schema, { ...rest, filterType }, inFile);
  if (rule) checkLanguage(reader, rule, inFile);
  return rule;
}

/** Nothing is evaluated here. */
const ENVIRONMENT: Environment = { newId: () => new FilterUuid('00000000-0000-0000-0000-000000000000') };

function checkLanguage(reader: NamespaceReader, rule: RuleDescription, inFile: PathInFile): void {
  const { action } = rule;
  const place = rule.filterType === 'CorrelationFilter' ? ['correlationFilter'] : ['sqlFilter', 'sqlExpression'];
  reader.check(
    () => compileFilter(rule, ENVIRONMENT),
    () => inFile(place),
  );
  if (action === undefined) return;
  reader.check(
    () => compileAction(action, ENVIRONMENT),
    () => inFile(['action', 'sqlExpression']),
  );
}

/** Names that are taken among siblings; Service Bus does not look at the case of names. */
class TakenNames {
  readonly #reader: NamespaceReader;
  readonly #taken = new Map<string, string>();

  constructor(reader: NamespaceReader) {
    this.#reader = reader;
  }

  take({ input, inFile }: DraftEntity, what: string): void {
    const { name } = input;
    if (typeof name !== 'string') return;
    const former = this.#taken.get(name.toLowerCase());
    if (former === undefined) this.#taken.set(name.toLowerCase(), `${what} '${name}'`);
    else
      this.#reader.refuse(
        inFile(['name']),
        `'${name}' is taken by ${former} before it; names must differ in more than case`,
      );
  }
}

function isKnown<T>(value: T | undefined): value is T {
  return value !== undefined;
}
