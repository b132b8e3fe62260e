// The entities of a run, and which of them may forward to which.

export type Kind = 'queue' | 'topic' | 'subscription';

export const TOPIC = 't';
const SUBSCRIPTIONS = ['t/Subscriptions/a', 't/Subscriptions/b'] as const;

interface Ways {
  readonly forwardTo?: string;
  readonly forwardDeadTo?: string;
}

/** A world is drawn before a run; which of its ways are open changes during the run. */
export interface World {
  readonly name: string;
  /** In the order in which they are made: whoever forwards may come before its destination. */
  readonly entities: readonly string[];
  readonly ways: Readonly<Record<string, Ways>>;
}

const [A, B] = SUBSCRIPTIONS;

/** Two queues, each of which may forward to the other. */
export const QUEUE_WORLD: World = {
  name: 'queues',
  entities: ['q', 'r'],
  ways: { q: { forwardTo: 'r', forwardDeadTo: 'r' }, r: { forwardTo: 'q', forwardDeadTo: 'q' } },
};

function topicWorld(name: string, ways: Record<string, Ways>): World {
  return { name, entities: ['q', 'r', TOPIC, ...SUBSCRIPTIONS], ways };
}

/** Where messages come to the topic again. */
export const ROUND = 'a round';

/** A topic with two subscriptions beside two queues. */
export const TOPIC_WORLDS: readonly World[] = [
  topicWorld('a topic alone', {}),
  topicWorld('a queue before the topic', { q: { forwardTo: TOPIC, forwardDeadTo: TOPIC } }),
  topicWorld('queues before and behind the topic', { q: { forwardTo: TOPIC }, [A]: { forwardTo: 'r' } }),
  topicWorld('a queue behind both subscriptions', { [A]: { forwardTo: 'r' }, [B]: { forwardTo: 'r' } }),
  topicWorld('a queue for dead letters', { [A]: { forwardDeadTo: 'q' }, [B]: { forwardDeadTo: 'q' } }),
  topicWorld(ROUND, { q: { forwardTo: TOPIC }, [A]: { forwardTo: 'q' } }),
];

export function kindOf(name: string): Kind {
  if (name === TOPIC) return 'topic';
  return name.startsWith(`${TOPIC}/`) ? 'subscription' : 'queue';
}

/** The name of a subscription within its topic. */
export function nameInTopic(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Entities by how often something is done to them: one of twelve draws each. */
const SHARES = {
  send: ['t', 't', 't', 't', 't', 't', 't', 'q', 'q', 'q', 'q', 'r'],
  receive: [A, A, A, A, A, A, A, B, B, 'q', 'r', 't'],
  change: [A, A, A, B, B, 't', 't', 't', 'q', 'q', 'q', 'r'],
} as const;

/** Which of the present entities a draw of 0 to 11 means for somebody who wants to send, receive or change something. */
export function entityFor<T extends { readonly name: string }>(
  present: readonly T[],
  { world, to, draw }: { world: World; to: keyof typeof SHARES; draw: number },
): T | undefined {
  const inTopic = world.entities.includes(TOPIC);
  const takes = present.filter(({ name }) => to !== 'send' || kindOf(name) !== 'subscription');
  const name = inTopic ? SHARES[to][draw] : draw % 4 === 3 ? 'r' : 'q';
  return takes.find((one) => one.name === name) ?? takes[draw % Math.max(1, takes.length)];
}
