import description from './topology.json';
import type { Settings } from './settings/settings';

/** A queue, topic or subscription as topology.json describes it, its settings filled in. Property names are those of Azure Resource Manager. */
export interface Entity {
  readonly name: string;
  readonly properties: Readonly<Record<string, string | number | boolean>>;
}

export interface TopicEntity extends Entity {
  readonly subscriptions: Readonly<Record<string, Entity>>;
}

/** Entities by role. */
export interface Topology {
  readonly queues: Readonly<Record<string, Entity>>;
  readonly topics: Readonly<Record<string, TopicEntity>>;
}

type Value = string | number | boolean | null;
type Template = Readonly<Record<string, Value | { readonly setting: string } | Readonly<Record<string, unknown>>>>;

interface Layout {
  readonly queues: Readonly<Record<string, Template>>;
  readonly topics: Readonly<Record<string, Template & { readonly subscriptions: Readonly<Record<string, Template>> }>>;
}

/** The entities of a stack: the one description that the embedded broker reads, too. A property whose setting is null is left out. */
export function renderTopology(settings: Settings['topology']): Topology {
  const layouts: Readonly<Record<string, Layout>> = description.layouts;
  const layout = layouts[String(settings.layout)];
  if (layout === undefined) throw new Error(`topology.json has no layout ${String(settings.layout)}`);
  return {
    queues: mapValues(layout.queues, (template) => entity(template, settings)),
    topics: mapValues(layout.topics, ({ subscriptions, ...template }) => ({
      ...entity(template, settings),
      subscriptions: mapValues(subscriptions, (part) => entity(part, settings)),
    })),
  };
}

function entity(template: Template, settings: Settings['topology']): Entity {
  const { name, ...properties } = mapValues(template, (value) => filledIn(value, settings));
  if (typeof name !== 'string') throw new Error('topology.json has an entity without a name');
  const present = Object.entries(properties).filter(
    (entry): entry is [string, string | number | boolean] => entry[1] !== null,
  );
  return { name, properties: Object.fromEntries(present) };
}

function filledIn(value: Template[string], settings: Settings['topology']): Value {
  if (value === null || typeof value !== 'object') return value;
  const name = String(value.setting);
  const set = settings[name];
  if (set === undefined) throw new Error(`topology.json names the setting ${name}, which there is not`);
  return set;
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
