import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogFixture } from './log-fixture.ts';
import { turn } from './storage-run.ts';

const SEGMENT_BYTES = 1024 * 1024;
const BODY = Buffer.alloc(16 * 1024);
const PER_SEGMENT = Math.floor(SEGMENT_BYTES / (BODY.length + 100));

const sizes = { segmentBytes: SEGMENT_BYTES, reserveBytes: SEGMENT_BYTES / 2, cacheBytes: 0 };

async function turns(fixture: LogFixture, count: number): Promise<void> {
  for (let done = 0; done < count; done++) {
    fixture.clock.advance(fixture.clock.nextDueMs() ?? 0);
    await turn();
  }
}

/**
 * The first segment is half copied when the first crash comes. By then the copies are dead, and so is all else in the segments that hold them
 * and what killed them: they could be recycled at once, but for the older copies in the first segment.
 */
async function crashTwice({ first, second }: { first: number; second: number }): Promise<void> {
  const fixture = new LogFixture({ seed: first * 100 + second });
  await fixture.open(sizes);
  const early: number[] = [];
  for (let count = 0; count < PER_SEGMENT + 10; count++) {
    early.push(fixture.send(BODY).entry);
    await turns(fixture, 1);
  }
  await fixture.settle();
  const kept = early.filter((_, index) => index % 5 < 2 && index < PER_SEGMENT);
  fixture.settleEntries(...early.filter((id) => !kept.includes(id)));
  while (fixture.log.stats().compactions === 0 && fixture.log.appended < early.length + 2) await turns(fixture, 1);
  const killed = kept.splice(0, 6);
  fixture.settleEntries(...killed);
  for (let count = 0; count < 1.4 * PER_SEGMENT; count++) fixture.settleEntries(fixture.send(BODY).entry);
  const { appended } = fixture.log;
  while (fixture.log.durable < appended) await turns(fixture, 1);
  await turns(fixture, first);
  for (const wait of [second, 0]) {
    fixture.crash('process');
    await fixture.open(sizes);
    assert.deepEqual(
      fixture.liveIds().filter((id) => killed.includes(id)),
      [],
    );
    assert.deepEqual(fixture.liveIds(), kept);
    await turns(fixture, wait);
  }
  await fixture.close();
}

test('copies are never recycled before the segment that an interrupted compaction took them from', async () => {
  for (const first of [0, 3, 6, 9]) for (let second = 0; second < 60; second += 4) await crashTwice({ first, second });
});
