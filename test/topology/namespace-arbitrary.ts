import fc from 'fast-check';
import {
  DEFAULT_RULE,
  FOREVER,
  formatDuration,
  type NamespaceDescription,
  parseQueueDescription,
  parseSubscriptionDescription,
  parseTopicDescription,
  type RuleDescription,
} from '../../src/topology/index.ts';

// Namespaces of a few names, so that they meet: in forwardings, and when one namespace is to become another.

const seconds = (least: number, most: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc.integer({ min: least, max: most }).map((s) => formatDuration(s * 1000)),
    fc.integer({ min: least, max: most }).map((s) => `PT${s}S`),
  );

const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });

const incoming = {
  duplicateDetectionHistoryTimeWindow: optional(seconds(20, 604_800)),
  maxSizeInMegabytes: optional(fc.constantFrom(1024, 5120)),
  maxMessageSizeInKilobytes: optional(fc.constantFrom(256, 1024)),
};
const outgoing = {
  lockDuration: optional(seconds(5, 300)),
  maxDeliveryCount: optional(fc.integer({ min: 1, max: 2000 })),
  deadLetteringOnMessageExpiration: optional(fc.boolean()),
};
const common = {
  defaultMessageTimeToLive: optional(fc.oneof(seconds(1, 9_000_000), fc.constant(FOREVER))),
  status: optional(fc.constantFrom('Active' as const, 'Disabled' as const, 'ReceiveDisabled' as const)),
  autoDeleteOnIdle: optional(seconds(300, 900_000)),
  userMetadata: optional(fc.string({ maxLength: 20, unit: 'grapheme' })),
};

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const ruleValue = fc.oneof(
  text,
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
  fc.record({
    type: fc.constantFrom('int' as const, 'long' as const, 'double' as const),
    value: fc.integer().map(String),
  }),
  fc.record({ type: fc.constant('double' as const), value: fc.constantFrom('NaN', 'INF', '-INF', '-0', '1E+300') }),
  fc.record({ type: fc.constant('guid' as const), value: fc.uuid() }),
);
const values = fc.dictionary(
  text.filter((name) => name !== '' && name !== '__proto__'),
  ruleValue,
  { minKeys: 1, maxKeys: 3, noNullPrototype: true },
);
const expression = fc.constantFrom(
  "sys.Label = 'a'",
  "a > 1 OR b IN ('x', 'y')",
  "x LIKE '%''%'",
  '1=1',
  ' 1 = 0',
  "c = '#:\n- {'",
);
const sql = fc.record({ sqlExpression: expression, parameters: optional(values) }).map(withoutUndefined);
const filter = fc.oneof(
  fc.constantFrom({ filterType: 'TrueFilter' as const }, { filterType: 'FalseFilter' as const }),
  sql.map((sqlFilter) => ({ filterType: 'SqlFilter' as const, sqlFilter })),
  fc
    .record({ label: text, sessionId: optional(text), properties: optional(values) })
    .map((given) => ({ filterType: 'CorrelationFilter' as const, correlationFilter: withoutUndefined(given) })),
);
const action = fc.constantFrom("SET a = 'b'", 'REMOVE c').map((sqlExpression) => ({ sqlExpression }));

const rule = (name: string): fc.Arbitrary<RuleDescription> =>
  fc
    .record({ filter, action: optional(action) })
    .map(({ filter, action }) => ({ name, ...filter, ...(action && { action }) }));

const QUEUES = ['a', 'b', 'C', 'd/e', 'shared'];
const TOPICS = ['t', 'U', 'shared'];

/** What cannot be changed is the same for a name in every namespace. */
const fixed = (name: string) => ({
  requiresDuplicateDetection: name === 'b' || name === 't',
  enablePartitioning: name === 'd/e',
});

/** Of a few queues and topics with subscriptions and rules. Whatever forwards does so within the namespace. */
export const namespaceArbitrary: fc.Arbitrary<NamespaceDescription> = fc
  .record({
    queues: fc.uniqueArray(fc.constantFrom(...QUEUES)),
    topics: fc.uniqueArray(fc.constantFrom(...TOPICS)),
  })
  .chain(({ queues, topics: all }) => {
    const topics = all.filter((name) => !queues.includes(name));
    const destination = optional(fc.constantFrom(...queues, ...topics, undefined));
    const queue = (name: string) =>
      fc
        .record({
          ...incoming,
          ...outgoing,
          ...common,
          forwardTo: destination,
          forwardDeadLetteredMessagesTo: destination,
        })
        .map((given) => ({ ...given, requiresSession: name === 'C' }))
        .map((given) => parseQueueDescription(withoutUndefined({ name, ...fixed(name), ...possible(given, name) })));
    const subscription = (topicName: string, name: string) =>
      fc.record({
        description: fc
          .record({ ...outgoing, ...common, forwardDeadLetteredMessagesTo: destination })
          .map((given) =>
            parseSubscriptionDescription(withoutUndefined({ topicName, name, ...possible(given, topicName) })),
          ),
        rules: fc
          .uniqueArray(fc.constantFrom(DEFAULT_RULE.name, 'r1', 'r2'))
          .chain((names) => fc.tuple(...names.map(rule))),
      });
    const topic = (name: string) =>
      fc.record({
        description: fc
          .record({ ...incoming, ...common })
          .map((given) => parseTopicDescription(withoutUndefined({ name, ...fixed(name), ...given }))),
        subscriptions: fc
          .uniqueArray(fc.constantFrom('s', 'Z', 'all'))
          .chain((names) => fc.tuple(...names.map((part) => subscription(name, part)))),
      });
    return fc.record({ queues: fc.tuple(...queues.map(queue)), topics: fc.tuple(...topics.map(topic)) });
  });

/** Without what an entity may not do: forward to itself, or forward with sessions. */
function possible<T extends { forwardTo?: string | undefined; requiresSession?: boolean | undefined }>(
  given: T & { forwardDeadLetteredMessagesTo?: string | undefined },
  ownName: string,
): T {
  const forwards = given.forwardTo !== undefined && given.forwardTo !== ownName && given.requiresSession !== true;
  const deadLetters = given.forwardDeadLetteredMessagesTo !== ownName;
  return {
    ...given,
    ...(!forwards && { forwardTo: undefined }),
    ...(!deadLetters && { forwardDeadLetteredMessagesTo: undefined }),
  };
}

function withoutUndefined<T extends object>(given: T): T {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T;
}
