import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RetrainError } from '../../src/errors.ts';
import {
  changeQueueDescription,
  FOREVER,
  formatDuration,
  parseDuration,
  parseQueueDescription,
  parseQueueFlag,
} from '../../src/topology/index.ts';

function refusal(text: RegExp) {
  return (error: unknown): boolean =>
    error instanceof RetrainError && error.code === 'CONFIGURATION_INVALID' && text.test(error.message);
}

test('a flag with only a name gives the service defaults', () => {
  assert.deepEqual(parseQueueFlag('orders'), parseQueueDescription({ name: 'orders' }));
});

test('a flag sets short names, booleans and values', () => {
  const queue = parseQueueFlag(
    'a/b:sessions,duplicates,maxDeliveryCount=3,lockDuration=PT30S,deadLetteringOnMessageExpiration',
  );
  assert.equal(queue.name, 'a/b');
  assert.equal(queue.requiresSession, true);
  assert.equal(queue.requiresDuplicateDetection, true);
  assert.equal(queue.maxDeliveryCount, 3);
  assert.equal(queue.lockDuration, 'PT30S');
  assert.equal(queue.deadLetteringOnMessageExpiration, true);
});

test('a bad flag is refused with the property, the value and the limit', () => {
  assert.throws(() => parseQueueFlag('q:session'), refusal(/unknown property 'session'; known are sessions/));
  assert.throws(
    () => parseQueueFlag('q:lockDuration=PT10M'),
    refusal(/lockDuration: 'PT10M' must be .* from PT5S to PT5M/),
  );
  assert.throws(() => parseQueueFlag('q:lockDuration=1m'), refusal(/lockDuration: '1m'/));
  assert.throws(() => parseQueueFlag('q:maxDeliveryCount=0'), refusal(/maxDeliveryCount/));
  assert.throws(() => parseQueueFlag('-q'), refusal(/name: must be letters/));
  assert.throws(() => parseQueueFlag(''), refusal(/name/));
  assert.throws(() => parseQueueFlag('q:name=other'), refusal(/unknown property 'name'/));
});

test('durations survive the way to text and back', () => {
  fc.assert(fc.property(fc.nat(2 ** 31 - 1), (ms) => assert.equal(parseDuration(formatDuration(ms), 'd'), ms)));
  assert.equal(parseDuration(FOREVER, 'd'), Infinity);
  // As the Java client writes it.
  assert.equal(parseDuration('PT256204778H48M5.47S', 'd'), Infinity);
  assert.equal(formatDuration(Infinity), FOREVER);
  for (const bad of ['', 'P', 'PT', '5', 'P1Y', 'PT1.5M']) assert.throws(() => parseDuration(bad, 'd'), RetrainError);
});

test('a destination may be given as the address that the service writes', () => {
  const queue = parseQueueDescription({ name: 'q', forwardTo: 'sb://My.Host/A/b', autoDeleteOnIdle: 'PT5M' });
  assert.equal(queue.forwardTo, 'A/b');
  assert.equal(queue.autoDeleteOnIdle, FOREVER, 'a queue that forwards is never idle');
});

test('a queue forwards neither to itself nor with sessions', () => {
  assert.throws(() => parseQueueDescription({ name: 'q', forwardTo: 'Q' }), refusal(/forwardTo: .* itself/));
  assert.throws(
    () => parseQueueDescription({ name: 'q', forwardDeadLetteredMessagesTo: 'sb://h/q' }),
    refusal(/forwardDeadLetteredMessagesTo: .* itself/),
  );
  assert.throws(
    () => parseQueueDescription({ name: 'q', forwardTo: 'p', requiresSession: true }),
    refusal(/forwardTo: .*requiresSession/),
  );
});

test('what is decided when a queue is made cannot be changed; everything else can, within its limits', () => {
  const queue = parseQueueDescription({ name: 'q', forwardTo: 'p' });
  assert.equal(changeQueueDescription(queue, { maxDeliveryCount: 3 }).maxDeliveryCount, 3);
  assert.equal(changeQueueDescription(queue, { forwardTo: undefined }).forwardTo, undefined);
  assert.throws(() => changeQueueDescription(queue, { maxDeliveryCount: 0 }), refusal(/maxDeliveryCount/));
  for (const fixed of ['requiresDuplicateDetection', 'enablePartitioning'] as const)
    assert.throws(() => changeQueueDescription(queue, { [fixed]: true }), refusal(new RegExp(`${fixed} is false`)));
});

test('a change that names a property without a value leaves it as it is, but for the forwardings', () => {
  const queue = parseQueueDescription({ name: 'q', requiresSession: true, maxDeliveryCount: 3, lockDuration: 'PT5S' });
  const unsaid = { maxDeliveryCount: undefined, lockDuration: undefined, requiresSession: undefined };
  assert.deepEqual(changeQueueDescription(queue, { ...unsaid, status: 'Disabled' }), { ...queue, status: 'Disabled' });
});
