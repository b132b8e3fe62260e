import assert from 'node:assert/strict';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ServiceBusReceiver } from '@azure/service-bus';
import { OutcomeHistory } from '../../src/retraining/outcome-history.ts';
import { OutcomeWorld, TOPIC, told } from './outcome-world.ts';

/** Counts what it is asked. */
function counting(receiver: ServiceBusReceiver): Pick<ServiceBusReceiver, 'peekMessages'> & { asked: number[] } {
  const asked: number[] = [];
  return {
    asked,
    async peekMessages(count, options) {
      const messages = await receiver.peekMessages(count, options);
      asked.push(messages.length);
      return messages;
    },
  };
}

function historyOf(world: OutcomeWorld, options: { maxBytes?: number; machine?: string } = {}) {
  const receiver = counting(world.client.createReceiver(TOPIC, 'status'));
  const { machine = 'one', ...rest } = options;
  const history = new OutcomeHistory({ receiver, place: 'p', folder: join(world.folder, machine), ...rest });
  return { history, receiver };
}

const ids = ({ events }: { events: readonly { data: { request?: { id: string } | undefined } }[] }) =>
  events.map(({ data }) => data.request?.id);

test('operators on several machines see every event; what was read before is not asked for again', async (t) => {
  const world = await OutcomeWorld.open(t);
  await world.tell(told('promoted', { id: 'a' }), told('rejected', { id: 'b' }));
  assert.deepEqual(ids(await historyOf(world).history.read()), ['a', 'b']);
  assert.deepEqual(ids(await historyOf(world, { machine: 'two' }).history.read()), ['a', 'b']);
  await world.tell(told('failed', { id: 'c' }));
  const { history, receiver } = historyOf(world);
  assert.deepEqual(ids(await history.read()), ['a', 'b', 'c']);
  assert.deepEqual(receiver.asked, [1, 1, 0]);
});

test('the cache remembers what the broker has let go of', async (t) => {
  const world = await OutcomeWorld.open(t);
  await world.tell(told('promoted', { id: 'a' }), told('rejected', { id: 'b' }));
  await historyOf(world).history.read();
  const receiver = world.client.createReceiver(TOPIC, 'status', { receiveMode: 'receiveAndDelete' });
  await receiver.receiveMessages(2);
  await receiver.close();
  await world.tell(told('failed', { id: 'c' }));
  assert.deepEqual(ids(await historyOf(world).history.read()), ['a', 'b', 'c']);
});

test('a broker with new data is noticed, and its events are read from the beginning', async (t) => {
  const world = await OutcomeWorld.open(t);
  await world.tell(...['a', 'b', 'c'].map((id) => told('promoted', { id })));
  await historyOf(world).history.read();
  const restart = await world.away();
  await rm(join(world.folder, 'data'), { recursive: true });
  await restart();
  await world.tell(told('promoted', { id: 'new' }));
  assert.deepEqual(ids(await historyOf(world).history.read()), ['new']);
});

test('of progress the newest is kept, doubles are dropped, strangers are counted, and the cache is bounded', async (t) => {
  const world = await OutcomeWorld.open(t);
  const progress = [0.1, 0.2, 0.3].map((value) => told('progressed', { runId: 'r', progress: value, epoch: value }));
  await world.tell(...progress.map((event, i) => ({ ...event, id: `${event.id}${i}` })), told('promoted', { id: 'a' }));
  await world.client.createSender(TOPIC).sendMessages({ body: 'hello' });
  const { events, skipped } = await historyOf(world).history.read();
  assert.deepEqual(
    events.map(({ data }) => data.progress ?? data.request?.id),
    [0.3, 'a'],
  );
  assert.equal(skipped, 1);
  await world.tell(...Array.from({ length: 30 }, (_, i) => told('promoted', { id: `n${i}` })));
  const maxBytes = 4_000;
  const small = { maxBytes, machine: 'small' };
  assert.equal((await historyOf(world, small).history.read()).events.length, 32);
  const [file = ''] = await readdir(join(world.folder, 'small'));
  assert.ok((await stat(join(world.folder, 'small', file))).size <= maxBytes);
  const later = await historyOf(world, small).history.read();
  assert.equal(ids(later).at(-1), 'n29');
  assert.ok(later.events.length < 32);
});
