import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AmqpTimestamp, AmqpTyped, HEADER, Writer, lookup, readComposite, scanSections } from '../../src/amqp/index.ts';
import type { MessageView } from '../../src/broker/index.ts';
import { encodeMessage } from '../../src/server/message-encoder.ts';
import { readAnnotations } from '../../src/server/annotations.ts';

const ENQUEUED_MS = Date.UTC(2026, 0, 1);

/** An amqp-value section; `durable`: behind a header that says so. */
function stored({ durable }: { durable: boolean }): Buffer {
  const writer = new Writer();
  if (durable) {
    writer.writeDescriptor(HEADER.code);
    writer.beginList();
    writer.writeBoolean(true);
    writer.endList();
  }
  writer.writeDescriptor(0x77);
  writer.writeString('body');
  return writer.take();
}

function viewOf(more: Partial<MessageView>): MessageView {
  return {
    bodyId: 1,
    sizeBytes: 10,
    sequenceNumber: 2 ** 48 + 7,
    enqueuedSequenceNumber: 3,
    partitionId: undefined,
    enqueuedTimeMs: ENQUEUED_MS,
    timeToLiveMs: undefined,
    deliveryCount: 2,
    state: 'scheduled',
    sessionId: undefined,
    lockedUntilMs: undefined,
    overlay: undefined,
    deadLetter: undefined,
    deadLetterSource: undefined,
    ...more,
  };
}

test('what the broker knows of a message is written alike, whether or not the message has a header of its own', () => {
  const times = [
    [undefined, undefined],
    [0, 0],
    [60_000, 60_000],
    [2 ** 40, 0xffff_ffff],
  ] as const;
  for (const durable of [false, true])
    for (const [timeToLiveMs, ttl] of times)
      for (const lockedUntilMs of [undefined, ENQUEUED_MS + 30_000.4])
        for (const partitionId of [undefined, 3]) {
          const view = viewOf({ timeToLiveMs, lockedUntilMs, partitionId });
          const encoded = Buffer.concat(encodeMessage(stored({ durable }), view));
          const sections = scanSections(encoded);
          const header = readComposite(HEADER, encoded, sections.headerStart).value;
          assert.deepEqual([header.ttl, header.deliveryCount, header.durable], [ttl, 2, durable || undefined]);
          const annotations = readAnnotations(encoded, sections.messageAnnotationsStart);
          assert.deepEqual(lookup(annotations, 'x-opt-sequence-number'), new AmqpTyped('long', 2n ** 48n + 7n));
          assert.deepEqual(lookup(annotations, 'x-opt-enqueue-sequence-number'), new AmqpTyped('long', 3n));
          assert.deepEqual(lookup(annotations, 'x-opt-enqueued-time'), new AmqpTimestamp(ENQUEUED_MS));
          assert.deepEqual(lookup(annotations, 'x-opt-message-state'), new AmqpTyped('int', 2));
          const lockedUntil = lookup(annotations, 'x-opt-locked-until');
          assert.deepEqual(lockedUntil, lockedUntilMs && new AmqpTimestamp(ENQUEUED_MS + 30_000));
          const partition = lookup(annotations, 'x-opt-partition-id');
          assert.deepEqual(partition, partitionId && new AmqpTyped('short', 3));
          assert.deepEqual(encoded.subarray(sections.bodyStart), stored({ durable: false }));
        }
});
