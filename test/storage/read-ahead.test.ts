import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf, LogFixture } from './log-fixture.ts';

/** A log without a cache of what is durable, with bodies that tell their number. */
async function filled(bodies: number, segmentBytes = 64 * 1024): Promise<{ fixture: LogFixture; ids: number[] }> {
  const fixture = new LogFixture();
  await fixture.open({ cacheBytes: 0, segmentBytes });
  const ids: number[] = [];
  await append(fixture, ids, bodies);
  return { fixture, ids };
}

async function append(fixture: LogFixture, ids: number[], bodies: number): Promise<void> {
  for (let count = 0; count < bodies; count++) {
    ids.push(fixture.send(bodyOf(ids.length)).body);
    if (count % 8 === 7) await fixture.settle();
  }
  await fixture.settle();
}

function bodyOf(number: number): string {
  return `body ${number} `.padEnd(500, '.');
}

async function expectBody(fixture: LogFixture, ids: readonly number[], number: number): Promise<void> {
  assert.equal((await fixture.readBack(ids[number] as number)).toString(), bodyOf(number));
}

test('what is read in order is read ahead', async () => {
  const { fixture, ids } = await filled(400);
  assert.ok(fixture.log.stats().segments > 3);
  const before = fixture.disk.calls.read;
  for (const number of ids.keys()) await expectBody(fixture, ids, number);
  const reads = fixture.disk.calls.read - before;
  assert.ok(reads < 20, `${reads} reads`);
  await fixture.close();
});

test('what is asked for all at once, in order, is read ahead too, and comes in order', async () => {
  const { fixture, ids } = await filled(300);
  const before = fixture.disk.calls.read;
  const bodies = Promise.all(ids.map(async (id) => fixture.log.read(id)));
  await fixture.settle();
  assert.deepEqual(
    (await bodies).map(String),
    ids.map((_, number) => bodyOf(number)),
  );
  assert.ok(fixture.disk.calls.read - before < 10);
  await fixture.close();
});

test('what is read here and there is read by itself, and right', async () => {
  const { fixture, ids } = await filled(300);
  for (let step = 0; step < 600; step++) await expectBody(fixture, ids, (step * 37) % 300);
  for (const number of [...ids.keys()].reverse()) await expectBody(fixture, ids, number);
  await fixture.close();
});

test('what is appended behind a stretch that was read ahead is read as it was written', async () => {
  // Long enough for several blocks of the cache, of which the last one stays.
  const { fixture, ids } = await filled(8, 1024 * 1024);
  for (let round = 0; round < 30; round++) {
    await append(fixture, ids, 50);
    for (let number = Math.max(0, ids.length - 700); number < ids.length; number++)
      await expectBody(fixture, ids, number);
  }
  await fixture.close();
});

test('a read ahead that failed is tried again', async () => {
  const { fixture, ids } = await filled(200);
  fixture.disk.failNth('read', 1);
  const reads = Promise.allSettled([0, 1, 2].map((number) => expectBody(fixture, ids, number)));
  await fixture.settle();
  assert.deepEqual(
    (await reads).map(({ status }) => status),
    ['rejected', 'rejected', 'rejected'],
  );
  for (const number of ids.keys()) await expectBody(fixture, ids, number);
  await fixture.close();
});

test('damage in what was read ahead shows when the damaged body is read, and in no other', async () => {
  const { fixture, ids } = await filled(200);
  const [segment] = fixture.disk.paths.filter((path) => path.endsWith('.segment'));
  fixture.disk.damage(segment as string, (content) =>
    content.fill(0xff, content.indexOf('body 20 ') + 20, content.indexOf('body 20 ') + 30),
  );
  for (const number of ids.keys()) {
    if (number === 20)
      await assert.rejects(expectBody(fixture, ids, number), (error) => codeOf(error) === 'DATA_CORRUPT');
    else await expectBody(fixture, ids, number);
  }
  await fixture.close();
});
