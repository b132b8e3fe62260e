import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import fc from 'fast-check';
import { ENVELOPE_MAX_BYTES } from '../../src/retraining/cloud-event.ts';
import {
  CANCEL_TYPE,
  cancelMessage,
  cloneMessage,
  readModelEvent,
  readRequest,
  replayMessage,
  REQUESTED_TYPE,
  requestMessage,
} from '../../src/retraining/envelope.ts';
import type { RequestEvent } from '../../src/retraining/envelope.ts';
import { cloneMessageId, replayMessageId } from '../../src/retraining/identity.ts';
import { parseRequest } from '../../src/retraining/request.ts';
import { received } from './received-message.ts';

const nowMs = Date.UTC(2026, 0, 1);
const event: RequestEvent = {
  id: 'id-1',
  source: '/monitor',
  type: REQUESTED_TYPE,
  subject: 'births/us',
  time: '2026-01-01T00:00:00.000Z',
  data: parseRequest({ model: { name: 'births/us' }, trigger: { kind: 'new-data' }, data: [{ uri: 'a' }] }),
  correlationid: 'c-1',
  expirytime: '2026-01-02T00:00:00Z',
  traceparent: '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01',
  dataref: 'https://blob/x',
};
const message = requestMessage(event, { messageId: event.id, nowMs });

function valid(from: ServiceBusReceivedMessage): RequestEvent {
  const read = readRequest(from);
  assert.equal(read.kind, 'valid', JSON.stringify(read));
  return (read as { event: RequestEvent }).event;
}

function reason(from: ServiceBusReceivedMessage): string {
  const read = readRequest(from);
  assert.equal(read.kind, 'invalid');
  assert.ok(read.kind === 'invalid' && !read.reason.includes('\n') && read.reason.length < 600);
  return read.reason;
}

test('a request travels in binary mode with its attributes where a broker can see them', () => {
  assert.deepEqual(message, {
    body: event.data,
    messageId: 'id-1',
    contentType: 'application/json',
    sessionId: 'births/us',
    subject: REQUESTED_TYPE,
    correlationId: 'c-1',
    timeToLive: 86_400_000,
    applicationProperties: {
      cloudEvents_specversion: '1.0',
      cloudEvents_id: 'id-1',
      cloudEvents_source: '/monitor',
      cloudEvents_type: REQUESTED_TYPE,
      cloudEvents_subject: 'births/us',
      cloudEvents_time: '2026-01-01T00:00:00.000Z',
      cloudEvents_correlationid: 'c-1',
      cloudEvents_expirytime: '2026-01-02T00:00:00Z',
      cloudEvents_traceparent: event.traceparent,
      cloudEvents_dataref: 'https://blob/x',
      'Diagnostic-Id': event.traceparent,
    },
  });
});

test('what was sent is read back, with its first sequence number', () => {
  assert.deepEqual(valid(received(message)), { ...event, retrainseq: '41', retrainhop: 0 });
});

test('the old prefix, bytes, text and structured mode are read alike', () => {
  const expected = valid(received(message));
  const old = Object.entries(message.applicationProperties ?? {}).map(([key, value]) => [
    key.replace('cloudEvents_', 'cloudEvents:'),
    value,
  ]);
  const text = JSON.stringify(event.data);
  const { data, ...attributes } = event;
  const structured = {
    contentType: 'application/cloudevents+json; charset=utf-8',
    sessionId: 'births/us',
    messageId: 'x',
  };
  const variants = [
    received(message, { applicationProperties: Object.fromEntries(old) }),
    received(message, { body: Buffer.from(text) }),
    received(message, { body: text }),
    received({ ...structured, body: { specversion: '1.0', datacontenttype: 'application/json', ...attributes, data } }),
    received(structured, { body: JSON.stringify({ specversion: '1.0', ...attributes, data }) }),
    received({
      ...structured,
      body: { specversion: '1.0', ...attributes, data_base64: Buffer.from(text).toString('base64') },
    }),
  ];
  for (const variant of variants) assert.deepEqual(valid(variant), expected);
});

test('timestamps may arrive as dates or milliseconds, the trace as Diagnostic-Id, the time from the broker', () => {
  const { cloudEvents_traceparent: _, cloudEvents_time: __, ...properties } = message.applicationProperties ?? {};
  const with_ = (extra: object) => received(message, { applicationProperties: { ...properties, ...extra } });
  assert.equal(valid(with_({ cloudEvents_time: new Date(nowMs) })).time, '2026-01-01T00:00:00.000Z');
  assert.equal(valid(with_({ cloudEvents_time: nowMs })).time, '2026-01-01T00:00:00.000Z');
  assert.equal(valid(with_({})).time, '2026-01-01T00:00:00.000Z');
  assert.equal(valid(with_({})).traceparent, event.traceparent);
});

test('a clone keeps identity, order and expiry; its time to live counts from when it becomes active', () => {
  const original = valid(received(message));
  const clone = cloneMessage(original, { hop: 1, activeAtMs: nowMs + 3_600_000, nowMs });
  assert.equal(clone.messageId, cloneMessageId(original, 1));
  assert.deepEqual(clone.scheduledEnqueueTimeUtc, new Date(nowMs + 3_600_000));
  assert.equal(clone.timeToLive, 82_800_000);
  assert.deepEqual(valid(received(clone, { sequenceNumber: { toString: () => '99' } })), {
    ...original,
    retrainhop: 1,
  });
  assert.throws(() => cloneMessage(original, { hop: 2, activeAtMs: nowMs + 86_400_000, nowMs }), {
    code: 'REQUEST_INVALID',
    message: /^expirytime = 2026-01-02T00:00:00Z is not after 2026-01-02/,
  });
});

test('a replay has a new id that a repeated replay shares, and forgets order, hops and an expiry that is over', () => {
  const dead = { ...valid(received(message)), retrainhop: 3 };
  const late = nowMs + 10 * 86_400_000;
  const replay = replayMessage(dead, { deadLetterSequence: '7', nowMs: late });
  assert.equal(replay.messageId, replayMessageId(dead, '7'));
  const again = valid(received(replay));
  assert.deepEqual(
    [again.id, again.retrainreplayof, again.retrainhop, again.expirytime],
    ['id-1~r7', 'id-1', 0, undefined],
  );
  const third = replayMessage(again, { deadLetterSequence: '9', nowMs: late });
  assert.equal(third.messageId, replayMessageId(dead, '9'));
  assert.equal(valid(received(third)).id, 'id-1~r9');
});

test('extensions of a stranger survive a clone', () => {
  const properties = {
    ...message.applicationProperties,
    cloudEvents_tenant: 'a',
    cloudEvents_priority: 3,
    'cloudEvents_B A D': 1,
  };
  const original = valid(received(message, { applicationProperties: properties }));
  assert.deepEqual(original.extensions, { tenant: 'a', priority: 3 });
  const clone = cloneMessage(original, { hop: 1, activeAtMs: nowMs, nowMs });
  assert.deepEqual(valid(received(clone)).extensions, original.extensions);
});

test('a time to live that the header cannot carry is left to the attribute', () => {
  const longLived = requestMessage({ ...event, expirytime: '2027-01-01T00:00:00Z' }, { messageId: 'x', nowMs });
  assert.ok(!('timeToLive' in longLived));
});

test('a message over 64 KiB is refused before it is sent, with the remedy', () => {
  const huge = { ...event, data: { ...event.data, parameters: { text: 'x'.repeat(ENVELOPE_MAX_BYTES) } } };
  assert.throws(() => requestMessage(huge, { messageId: 'x', nowMs }), {
    code: 'MESSAGE_TOO_LARGE',
    message: /takes 6\d{4} bytes, the limit is 65536: put what is big into storage/,
  });
});

test('a request that just fits has clones and replays all the same', () => {
  const room = 64 * 1024 - Buffer.byteLength(JSON.stringify(requestMessage(event, { messageId: 'id-1', nowMs })));
  const text = 'x'.repeat(room - '"text":""'.length);
  const data = { ...event.data, parameters: { text } };
  const full = requestMessage({ ...event, data }, { messageId: 'id-1', nowMs });
  assert.ok(Buffer.byteLength(JSON.stringify(full)) >= ENVELOPE_MAX_BYTES - 2);
  const original = valid(received(full));
  for (const copy of [
    cloneMessage(original, { hop: 1, activeAtMs: nowMs + 1000, nowMs }),
    replayMessage(original, { deadLetterSequence: '7', nowMs }),
  ]) {
    assert.ok(Buffer.byteLength(JSON.stringify(copy)) > ENVELOPE_MAX_BYTES);
    assert.deepEqual(valid(received(copy)).data, data);
  }
});

test('each reason for refusing a message names what is wrong', () => {
  const properties = (extra: object, omit: string[] = []) => {
    const all = { ...message.applicationProperties, ...extra };
    const kept = Object.entries(all).filter(([key]) => !omit.includes(key));
    return received(message, { applicationProperties: Object.fromEntries(kept) });
  };
  const cases: [ServiceBusReceivedMessage, RegExp][] = [
    [received({ body: 'hello' }), /the body is not JSON/],
    [received({ body: { hello: 1 } }), /specversion is missing: send a CloudEvent/],
    [received(message, { body: Buffer.from('{') }), /the body is not JSON/],
    [received(message, { applicationProperties: undefined }), /specversion is missing/],
    [properties({ cloudEvents_specversion: '0.3' }), /specversion is "0\.3"/],
    [properties({ cloudEvents_type: 'other' }), /type = "other": send retrain\.requested\.v1/],
    [properties({}, ['cloudEvents_id']), /id is missing/],
    [properties({ cloudEvents_id: 'x'.repeat(129) }), /id = "xxx/],
    [properties({ cloudEvents_id: 'a\nb' }), /id = "a\\nb"/],
    [properties({}, ['cloudEvents_source']), /source is missing/],
    [properties({ cloudEvents_source: 'a b' }), /source = "a b"/],
    [properties({ cloudEvents_time: 'yesterday' }), /time = "yesterday": use RFC 3339/],
    [properties({ cloudEvents_expirytime: 1e300 }), /expirytime = /],
    [properties({ cloudEvents_subject: 'other' }), /SessionId = "births\/us": use the subject, other/],
    [
      received(message, {
        sessionId: undefined,
        applicationProperties: { ...message.applicationProperties, cloudEvents_subject: 'other' },
      }),
      /subject = "other": use the model's name/,
    ],
    [received(message, { sessionId: 'other' }), /SessionId = "other"/],
    [properties({ cloudEvents_retrainhop: -1 }), /retrainhop = "-1"/],
    [properties({ cloudEvents_retrainhop: 1_000_000 }), /retrainhop/],
    [properties({ cloudEvents_retrainseq: '1e9' }), /retrainseq = "1e9"/],
    [received(message, { body: { model: 1 } }), /^request: model = 1/],
    [received(message, { body: [1] }), /^request: the whole = an array of 1/],
    [received({ ...message, contentType: 'application/cloudevents+json', body: 3 }), /not a JSON object/],
    [received({ ...message, contentType: 'application/cloudevents-batch+json' }), /a batch of events/],
  ];
  for (const [from, expected] of cases) assert.match(reason(from), expected);
});

test('a cancel is read as a control event, and is no request', () => {
  const cancel = cancelMessage(
    { id: 'x', source: '/s', type: CANCEL_TYPE, subject: 'm', time: event.time, data: { requestId: 'id-1' } },
    { messageId: 'x', nowMs },
  );
  const read = readModelEvent(received(cancel));
  assert.ok(read.kind === 'cancel' && read.event.data.requestId === 'id-1' && read.event.subject === 'm');
  assert.match(reason(received(cancel)), /type is retrain\.cancel\.v1/);
  assert.equal(readModelEvent(received(cancel, { body: {} })).kind, 'invalid');
});

test('whatever a stranger sends, reading returns', () => {
  const known = fc.constantFrom(...Object.keys(message.applicationProperties ?? {}), 'contentType', 'x');
  const properties = fc.dictionary(known, fc.anything());
  fc.assert(
    fc.property(fc.anything(), properties, fc.anything(), fc.boolean(), (body, extra, sessionId, structured) => {
      const from = {
        ...message,
        body,
        sessionId,
        contentType: structured ? 'application/cloudevents+json' : 'application/json',
        applicationProperties: { ...message.applicationProperties, ...extra },
      } as unknown as ServiceBusReceivedMessage;
      assert.ok(['request', 'cancel', 'invalid'].includes(readModelEvent(from).kind));
    }),
    { numRuns: 500 },
  );
  let deep = '1';
  for (let i = 0; i < 15; i++) deep = `[${deep},${deep}]`;
  for (const body of [
    '['.repeat(30_000) + ']'.repeat(30_000),
    `{"data":${deep}}`,
    null,
    undefined,
    new Date(Number.NaN),
    Symbol('x'),
  ])
    assert.equal(readRequest(received(message, { body })).kind, 'invalid');
});
