import { z } from 'zod';
import { FOREVER } from './duration.ts';
import { queueDescription } from './queue.ts';
import { subscriptionDescription } from './subscription.ts';
import { topicDescription } from './topic.ts';

export type EntityKind = 'queue' | 'topic' | 'subscription';

/** A property of entities as its schema declares it: for flags, help and tables. */
export interface EntityProperty {
  readonly name: string;
  readonly kinds: readonly EntityKind[];
  readonly type: 'boolean' | 'integer' | 'duration' | 'choice' | 'text';
  /** Of a choice. */
  readonly choices: readonly string[];
  /** What it takes, for people. */
  readonly takes: string;
  /** What it is unless it is given; undefined when an entity may be without it. */
  readonly usual: string | number | boolean | undefined;
}

const SCHEMAS = { queue: queueDescription, topic: topicDescription, subscription: subscriptionDescription } as const;

/** What names an entity is no property that could be set. */
const NAMES: ReadonlySet<string> = new Set(['name', 'topicName']);

/** Every property that a queue, a topic or a subscription can have, in the order of their schemas. */
export function entityProperties(): EntityProperty[] {
  const found = new Map<string, EntityProperty>();
  for (const kind of ['queue', 'topic', 'subscription'] as const) {
    const { properties = {} } = z.toJSONSchema(SCHEMAS[kind], { io: 'input' });
    for (const [name, schema] of Object.entries(properties)) {
      if (NAMES.has(name) || typeof schema === 'boolean') continue;
      const known = found.get(name) ?? described(name, schema);
      found.set(name, { ...known, kinds: [...known.kinds, kind] });
    }
  }
  return [...found.values()];
}

function described(name: string, schema: z.core.JSONSchema.JSONSchema): EntityProperty {
  const { type, enum: choices = [], pattern, description, minimum, maximum } = schema;
  const usual = schema.default as EntityProperty['usual'];
  const property = { name, kinds: [], choices: [], usual };
  if (type === 'boolean') return { ...property, type, takes: 'true or false' };
  if (type === 'integer') return { ...property, type, takes: `${minimum} to ${maximum}` };
  if (choices.length > 0)
    return { ...property, type: 'choice', choices: choices.map(String), takes: choices.join(', ') };
  if (pattern === undefined) return { ...property, type: 'text', takes: 'text' };
  return { ...property, type: 'duration', takes: (description ?? '').replace(FOREVER, 'forever') };
}
