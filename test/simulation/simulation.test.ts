import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulateSeeds } from './seeds.ts';

/** Seeds of a run of the tests. They are the same in each, so that a change is what makes a difference. */
const SEEDS = 200;
/** With a disk that forgets everything at a power cut nearly every run must fail; the few that have none cannot. */
const LYING_SEEDS = 10;

test(`power cuts, crashes, full and failing disks lose nothing that was promised, in ${SEEDS} runs`, async () => {
  const total = await simulateSeeds({ first: 1, count: SEEDS });
  // A run in which nothing happens proves nothing.
  assert.ok(total.messages > 20 * SEEDS, `${total.messages} messages`);
  assert.ok(total.deliveries > total.messages, `${total.deliveries} deliveries`);
  assert.ok(total.lives > 3 * SEEDS, `${total.lives} lives of the broker`);
  assert.ok(total.transactions > 3 * SEEDS, `${total.transactions} transactions`);
  assert.ok(total.forwarded > 5 * SEEDS, `${total.forwarded} messages forwarded`);
  assert.ok(total.topicCopies > 10 * SEEDS, `${total.topicCopies} copies of messages of topics`);
});

test('a run is the same every time: its seed decides all of it', async () => {
  const once = await simulateSeeds({ first: 7, count: 3 });
  const again = await simulateSeeds({ first: 7, count: 3 });
  assert.deepEqual(again, once);
});

test('the simulation finds out when the disk only pretends to sync', async () => {
  await assert.rejects(
    simulateSeeds({ first: 1, count: LYING_SEEDS, syncLies: true }),
    /replay it with: npm run sim -- --seed/,
  );
});
