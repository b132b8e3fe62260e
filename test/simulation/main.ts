/**
 * Runs the simulation: `npm run sim -- [--seed N] [--seeds M] [--trace] [--sync-lies]`. From seed N (1 unless given) on, M seeds (1 unless
 * given). The first failure ends it, with the command that replays it.
 */
import { parseArgs } from 'node:util';
import { simulateSeeds } from './seeds.ts';
import { Violation } from './world.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    'sync-lies': { type: 'boolean', default: false },
  },
});

const first = Number(values.seed);
const count = Number(values.seeds);
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || first < 0 || count < 1) {
  console.error(`--seed and --seeds must be whole numbers, not '${values.seed}' and '${values.seeds}'`);
  process.exit(2);
}
try {
  const { messages, deliveries, lives, steps, transactions, forwarded, topicCopies } = await simulateSeeds({
    first,
    count,
    syncLies: values['sync-lies'],
    ...(values.trace ? { onTrace: (line) => console.log(line) } : {}),
    onRun: (seed) => {
      if ((seed - first + 1) % 1000 === 0) console.log(`${seed - first + 1} seeds`);
    },
  });
  const seeds = `${count} ${count === 1 ? 'seed' : 'seeds'}`;
  console.log(
    `${seeds}: ${messages} messages, ${deliveries} deliveries, ${transactions} transactions, ${forwarded} messages forwarded, ${topicCopies} copies of messages of topics, ${lives} lives of the broker, ${steps} steps`,
  );
} catch (error) {
  const violated = error instanceof Error && error.cause instanceof Violation;
  console.error(violated ? error.message : error);
  process.exit(1);
}
