import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RetrainError } from '../../src/errors.ts';
import {
  DEFAULT_QUEUE,
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

test('the default queue is the one that infra provisions', () => {
  assert.deepEqual(
    parseQueueFlag('model-retraining-queue:sessions,duplicates,maxDeliveryCount=10,lockDuration=PT1M'),
    DEFAULT_QUEUE,
  );
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
  assert.equal(formatDuration(Infinity), FOREVER);
  for (const bad of ['', 'P', 'PT', '5', 'P1Y', 'PT1.5M']) assert.throws(() => parseDuration(bad, 'd'), RetrainError);
});
