import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventTail } from '../../src/cli/event-tail.ts';
import { parseConnection } from '../../src/retraining/connection.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { eventually } from '../retraining/trainers/run-fixture.ts';
import { OutcomeWorld, TOPIC, told } from '../retraining/outcome-world.ts';

function tailOf(world: OutcomeWorld, said: string[] = []): EventTail {
  const connection = parseConnection(world.connectionString);
  return new EventTail({
    place: { connection, queue: 'work' },
    flags: { state: world.folder, outcomes: TOPIC },
    clock: { ...systemClock, after: (ms, callback) => systemClock.after(Math.min(ms, 20), callback) },
    onAway: () => said.push('away'),
    onBack: () => said.push('back'),
    onSkipped: (reason) => said.push(reason),
  });
}

test('following begins with what is told from now on, and goes on when the broker was away', async (t) => {
  const world = await OutcomeWorld.open(t);
  await world.tell(told('promoted', { id: 'before' }));
  const said: string[] = [];
  const heard: (string | undefined)[] = [];
  await using tail = tailOf(world, said);
  const stop = new AbortController();
  const following = (async () => {
    const events = tail.events({ from: 'now', follow: true, signal: stop.signal });
    for await (const { data } of events) heard.push(data.request?.id);
  })();
  // When it has begun is not told: events that are told before do not count.
  for (let i = 0; heard.length === 0; i++) await world.tell(told('promoted', { id: `now-${i}` }));
  assert.match(heard[0] ?? '', /^now-/);
  const restart = await world.away();
  await Promise.race([following, eventually(() => said.includes('away'), { what: 'that the broker is away' })]);
  await restart();
  await world.tell(told('rejected', { id: 'after' }));
  await Promise.race([following, eventually(() => heard.at(-1) === 'after', { what: 'the event after' })]);
  assert.deepEqual(said, ['away', 'back']);
  stop.abort();
  await following;
});

test('from a time on, events before it are not read; nothing is taken from the subscription', async (t) => {
  const world = await OutcomeWorld.open(t);
  await world.tell(...['a', 'b', 'c'].map((id) => told('promoted', { id })));
  const signal = new AbortController().signal;
  for (const [from, ids] of [
    [undefined, ['a', 'b', 'c']],
    [new Date(0), ['a', 'b', 'c']],
    [new Date(Date.now() + 2 * 3_600_000), []],
  ] as const) {
    await using tail = tailOf(world);
    const seen = [];
    for await (const { data } of tail.events({ from, follow: false, signal })) seen.push(data.request?.id);
    assert.deepEqual(seen, ids);
  }
  assert.equal((await world.left('status')).length, 3);
});
