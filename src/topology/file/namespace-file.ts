import type { Path } from '../../document/file-problem.ts';
import type { DraftEntity, DraftSubscription, DraftTopic, NamespaceDraft } from './namespace-draft.ts';
import type { NamespaceReader } from './namespace-reader.ts';
import { queueDescription } from '../queue.ts';
import { ruleDescription } from '../rule.ts';
import { subscriptionDescription } from '../subscription.ts';
import { topicDescription } from '../topic.ts';

// The configuration of a namespace in our own words: Azure Resource Manager's property names, and each thing within what it belongs to.

const QUEUE = Object.keys(queueDescription.shape);
const TOPIC = [...Object.keys(topicDescription.shape), 'subscriptions'];
const SUBSCRIPTION = [...Object.keys(subscriptionDescription.omit({ topicName: true }).shape), 'rules'];
const RULE = [...new Set(ruleDescription.options.flatMap(({ shape }) => Object.keys(shape)))];

/** Takes a file apart; what it does not know is noted by the reader. */
export function draftOfFile(reader: NamespaceReader, value: unknown): NamespaceDraft {
  const { queues, topics } = reader.properties(value, [], ['$schema', 'queues', 'topics']) ?? {};
  return {
    queues: reader.each(queues, ['queues'], (queue, path) => draftEntity(reader, { value: queue, path, known: QUEUE })),
    topics: reader.each(topics, ['topics'], (topic, path) => draftTopic(reader, topic, path)),
  };
}

function draftTopic(reader: NamespaceReader, value: unknown, path: Path): DraftTopic | undefined {
  const draft = draftEntity(reader, { value, path, known: TOPIC });
  if (draft === undefined) return undefined;
  const { subscriptions, ...input } = draft.input;
  return {
    ...draft,
    input,
    subscriptions: reader.each(subscriptions, [...path, 'subscriptions'], (subscription, place) =>
      draftSubscription(reader, subscription, place),
    ),
  };
}

function draftSubscription(reader: NamespaceReader, value: unknown, path: Path): DraftSubscription | undefined {
  const draft = draftEntity(reader, { value, path, known: SUBSCRIPTION });
  if (draft === undefined) return undefined;
  const { rules, ...input } = draft.input;
  if (rules === undefined || rules === null) return { ...draft, input, rules: undefined };
  const read = (rule: unknown, place: Path): DraftEntity | undefined =>
    draftEntity(reader, { value: rule, path: place, known: RULE });
  return { ...draft, input, rules: reader.each(rules, [...path, 'rules'], read) };
}

function draftEntity(
  reader: NamespaceReader,
  { value, path, known }: { value: unknown; path: Path; known: readonly string[] },
): DraftEntity | undefined {
  const input = reader.properties(value, path, known);
  return input && { input, inFile: (inside) => [...path, ...inside] };
}
