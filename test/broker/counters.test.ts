import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Delivery, Namespace, type Queue } from '../../src/broker/index.ts';
import { parseQueueDescription } from '../../src/topology/index.ts';
import type { FakeDiskOptions } from '../fake-disk.ts';
import { LogFixture, RESERVE_BYTES, SEGMENT_BYTES } from '../storage/log-fixture.ts';
import { message, refusedAs, settle } from './broker-harness.ts';

// Sequence numbers rise for ever, though the messages that bore them are gone and the log has forgotten that they were there.

const HOUR_MS = 3_600_000;
const FIRST_SEGMENT = '/data/0000000000000001.segment';

/** A namespace over a real log on a fake disk. */
class Life {
  readonly fixture: LogFixture;
  namespace!: Namespace;

  constructor(options: Partial<FakeDiskOptions> = {}) {
    this.fixture = new LogFixture(options);
  }

  async start(): Promise<void> {
    const { clock } = this.fixture;
    const random = { bytes: (length: number) => Buffer.alloc(length, 7), fraction: () => 0.5 };
    const unread = (): never => assert.fail('nothing is forwarded');
    const reader = { facts: unread, properties: unread, overlayWith: unread };
    const namespace = (this.namespace = new Namespace({ clock, random, reader }));
    const log = await this.fixture.open({
      onRecord: (record, live) => namespace.replay(record, live),
      snapshot: () => namespace.snapshot(),
    });
    namespace.start(log);
  }

  async crash(cause: 'power' | 'process'): Promise<void> {
    this.namespace.stop();
    this.fixture.crash(cause);
    await this.start();
  }

  create(name: string): void {
    this.namespace.createQueue(parseQueueDescription({ name, maxDeliveryCount: 2000 }));
  }

  queue(name: string): Queue {
    return this.namespace.queue(name) as Queue;
  }

  /** Sends a message and waits until it is durable. Returns its sequence number. */
  async send(name: string): Promise<number> {
    const { sequenceNumbers } = this.queue(name).send([message('x'.repeat(1024))]);
    await this.fixture.settle();
    return sequenceNumbers[0] as number;
  }

  async abandon(name: string): Promise<void> {
    const { active } = this.queue(name);
    const taken: Delivery[] = [];
    const receiver = active.openReceiver({ mode: 'peek-lock', onDelivery: (delivery) => taken.push(delivery) });
    receiver.setCredit(1);
    receiver.close();
    settle(active, taken[0], { kind: 'abandon' });
    await this.fixture.settle();
  }

  /** Takes a message out of the queue for good. */
  async remove(name: string): Promise<void> {
    const receiver = this.queue(name).active.openReceiver({ mode: 'receive-and-delete', onDelivery: () => undefined });
    receiver.setCredit(1);
    receiver.close();
    await this.fixture.settle();
  }
}

test('no sequence number is given twice, whatever compaction has forgotten and whenever the broker dies', async () => {
  const life = new Life();
  await life.start();
  life.create('busy');
  life.create('quiet');
  let quiet = await life.send('quiet');
  await life.remove('quiet');
  let busy = 0;
  for (let round = 0; round < 30; round++) {
    for (let count = 0; count < 5 + round; count++) {
      const next = await life.send('busy');
      assert.ok(next > busy, `${next} after ${busy} in round ${round}`);
      busy = next;
      await life.remove('busy');
    }
    if (round % 10 === 9) {
      assert.ok(!life.fixture.disk.paths.includes(FIRST_SEGMENT), 'the first segments are not forgotten');
      const next = await life.send('quiet');
      assert.ok(next > quiet, `${next} after ${quiet} in round ${round}`);
      quiet = next;
      await life.remove('quiet');
    }
    await life.crash(round % 2 === 0 ? 'power' : 'process');
  }
  assert.ok(life.fixture.log.stats().segments < 6);
  assert.deepEqual(life.fixture.failures, []);
});

test('on a disk that is full to the brim the broker starts, and goes on where it was when there is room', async () => {
  const life = new Life({ capacityBytes: 3 * SEGMENT_BYTES + RESERVE_BYTES });
  await life.start();
  life.create('q');
  life.create('other');
  const { clock } = life.fixture;
  life.queue('q').send([message('later', { scheduledEnqueueTimeMs: clock.wallMs() + HOUR_MS })]);
  let last = 0;
  await assert.rejects(async () => {
    for (;;) last = await life.send('q');
  }, refusedAs('quota-exceeded'));
  // The reserve begins with the counters. A scheduled message moves them, and settlements use up the reserve, to the last byte.
  const hasReserve = (): boolean => life.fixture.disk.paths.some((path) => path.includes('reserve'));
  while (hasReserve()) await life.abandon('q');
  clock.advance(HOUR_MS);
  await life.fixture.settle();
  assert.equal(life.queue('q').counts().scheduled, 0);
  last++;
  await assert.rejects(async () => {
    for (;;) await life.abandon('q');
  }, refusedAs('quota-exceeded'));
  for (const cause of ['process', 'power'] as const) {
    await life.crash(cause);
    assert.equal(life.queue('q').counts().active, last - 1);
    await assert.rejects(life.abandon('q'), refusedAs('quota-exceeded'));
  }

  life.fixture.disk.capacityBytes *= 2;
  life.fixture.clock.advance(10_000);
  await life.fixture.settle();
  for (let count = 1; count < last; count++) await life.remove('q');
  // The counters that did not find room must be elsewhere when all segments are forgotten in which a message showed them.
  const newest = life.fixture.disk.paths.findLast((path) => path.endsWith('.segment')) as string;
  while (life.fixture.disk.paths.includes(newest)) {
    await life.send('other');
    await life.remove('other');
  }
  await life.crash('power');
  assert.ok((await life.send('q')) > last);
  assert.deepEqual(life.fixture.failures, []);
});
