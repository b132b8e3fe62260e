import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BrokerProcess } from './broker-process.ts';
import { runLoad } from './run-load.ts';
import type { ThroughputOptions } from './throughput.ts';

const IN_FLIGHT = 1000;

interface Fan {
  readonly name: string;
  readonly subscriptions: number;
  readonly label: string;
  /** Each subscription's filter, which lets every message in and has to look at it. */
  readonly sqlExpression?: string;
}

const FANS: readonly Fan[] = [
  { name: 't1', subscriptions: 1, label: '1 subscription' },
  { name: 't5', subscriptions: 5, label: '5 subscriptions' },
  {
    name: 't5-filters',
    subscriptions: 5,
    label: '5 subscriptions with filters',
    sqlExpression: "sys.MessageId LIKE '%-%' AND color IS NULL",
  },
  { name: 't50', subscriptions: 50, label: '50 subscriptions' },
];

function topicOf({ name, subscriptions, sqlExpression }: Fan): object {
  const filter = sqlExpression && [{ name: 'filter', filterType: 'SqlFilter', sqlFilter: { sqlExpression } }];
  const rules = filter ? { rules: filter } : {};
  return { name, subscriptions: Array.from({ length: subscriptions }, (_, i) => ({ name: `s${i}`, ...rules })) };
}

/** Durable sends to a topic, counted in copies, beside those to a queue, and receive-and-complete from one of its subscriptions. */
export async function benchTopics({ folder, quick, rounds, bodyBytes, note }: ThroughputOptions): Promise<void> {
  const copies = quick ? 25_000 : 150_000;
  const config = join(folder, 'topics.json');
  writeFileSync(config, JSON.stringify({ queues: [{ name: 'plain' }], topics: FANS.map(topicOf) }));
  await using broker = await BrokerProcess.start({ dataFolder: join(folder, 'topics'), config });
  for (let round = 0; round < rounds; round++) {
    const load = { ...broker.address, inFlight: IN_FLIGHT, bodyBytes, idPrefix: String(round) };
    const queue = { ...load, queue: 'plain', messages: copies };
    note('durable send, queue', IN_FLIGHT, (await runLoad({ ...queue, kind: 'send' })).perSecond);
    note('receive and complete, queue', IN_FLIGHT, (await runLoad({ ...queue, kind: 'receive' })).perSecond);
    for (const { name, subscriptions, label } of FANS) {
      const messages = copies / subscriptions;
      const sent = await runLoad({ ...load, queue: name, messages, kind: 'send' });
      note(`copies sent, ${label}`, IN_FLIGHT, sent.perSecond * subscriptions);
      for (let i = 0; i < subscriptions; i++) {
        const address = `${name}/Subscriptions/s${i}`;
        const received = await runLoad({ ...load, queue: address, messages, kind: 'receive' });
        if (i === 0) note(`receive and complete, ${label}`, IN_FLIGHT, received.perSecond);
      }
    }
  }
}
