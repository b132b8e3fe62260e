import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { MessageJson } from '../../src/cli/message-json.ts';
import { CliBench, lines } from './cli-bench.ts';
import { assertFailure } from './cli-process.ts';

const QUEUES = ['plain', 'other', 'ses:sessions'] as const;

test('send puts everything where it belongs, and peek shows it without taking it', async (t) => {
  const bench = await CliBench.open(t, ...QUEUES);
  const system = [
    '--subject',
    'greeting',
    '--message-id',
    'm-1',
    '--correlation-id',
    'c',
    '--content-type',
    'text/plain',
  ];
  const more = ['--to', 'x', '--reply-to', 'y', '--reply-to-session', 's', '--partition-key', 'p', '--ttl', '90s'];
  const properties = ['--property', 'region=eu', '--property', 'attempts:int=3'];
  const sent = await bench.ok(['send', 'plain', 'hello wörld', ...system, ...more, ...properties]);
  assert.equal(sent, 'sent 1 message to plain\n');
  const [message, ...others] = await bench.peek('plain');
  assert.equal(others.length, 0);
  const { enqueuedTimeUtc, expiresAtUtc, ...rest } = message ?? {};
  assert.deepEqual(rest, {
    sequenceNumber: '1',
    enqueuedSequenceNumber: '1',
    state: 'active',
    deliveryCount: 0,
    messageId: 'm-1',
    partitionKey: 'p',
    correlationId: 'c',
    subject: 'greeting',
    contentType: 'text/plain',
    to: 'x',
    replyTo: 'y',
    replyToSessionId: 's',
    timeToLive: 90_000,
    applicationProperties: { region: 'eu', attempts: 3 },
    body: 'hello wörld',
  });
  assert.equal(Date.parse(expiresAtUtc ?? '') - Date.parse(enqueuedTimeUtc ?? ''), 90_000);
  const table = await bench.ok(['peek', 'plain']);
  assert.match(table, /^Sequence +Enqueued +Message id +Subject +Body\n +1 +\S+Z +m-1 +greeting +hello wörld\n$/);
  const block = await bench.ok(['peek', 'plain', '--body']);
  assert.match(
    block,
    /^#1 +enqueued \S+Z\n +message id +m-1\n[^]*properties +region = eu\n +attempts = 3\n +hello wörld\n/,
  );
});

test('a body comes from a file, from stdin or from lines, as the bytes that it is', async (t) => {
  const bench = await CliBench.open(t, ...QUEUES);
  const file = join(bench.folder, 'body.bin');
  const bytes = Buffer.from([0, 0xff, 0x0a, 0x1b]);
  await writeFile(file, bytes);
  await bench.ok(['send', 'plain', '--file', file]);
  await bench.ok(['send', 'plain'], 'from stdin\n');
  await bench.ok(['send', 'plain', '-'], '');
  const given = [
    { body: { a: 1 }, applicationProperties: { n: 1, f: 0.5, t: { type: 'timestamp', value: '2026-01-01' } } },
    { bodyBase64: 'AP8=', messageId: 'm', subject: 'kept', sequenceNumber: '99', deliveryCount: 4 },
    { body: [1, 'a'], bodyType: 'value' },
  ];
  const input = given.map((line) => JSON.stringify(line)).join('\n');
  const accepted = await bench.ok(['send', 'plain', '--lines', '--property', 'all=yes', '--json'], `${input}\n\n`);
  assert.equal(lines<{ messageId: string }>(accepted)[1]?.messageId, 'm');
  const seen = await bench.peek('plain');
  assert.deepEqual(
    seen.map(({ body, bodyBase64, bodyType, applicationProperties: properties, subject }) => [
      bodyBase64 ?? body,
      bodyType,
      properties,
      subject,
    ]),
    [
      [bytes.toString('base64'), undefined, undefined, undefined],
      ['from stdin\n', undefined, undefined, undefined],
      ['', undefined, undefined, undefined],
      [
        '{"a":1}',
        undefined,
        { n: 1, f: 0.5, t: { type: 'timestamp', value: '2026-01-01T00:00:00.000Z' }, all: 'yes' },
        undefined,
      ],
      ['AP8=', undefined, { all: 'yes' }, 'kept'],
      [[1, 'a'], 'value', { all: 'yes' }, undefined],
    ],
  );
  // What peek prints is what send takes.
  await bench.ok(['send', 'other', '--lines'], await bench.ok(['peek', 'plain', '--json']));
  const copies = await bench.peek('other');
  const essence = ({ body, bodyBase64, applicationProperties: properties, messageId }: MessageJson): unknown[] => [
    body,
    bodyBase64,
    properties,
    messageId,
  ];
  assert.deepEqual(copies.map(essence), seen.map(essence));
  const dump = await bench.ok(['peek', 'plain', '--body', '--count', '1']);
  assert.match(dump, /0000 +00 ff 0a 1b +\.\.\.\.\n/);
});

test('lines are sent as they come, and the first that is wrong ends it and says which', async (t) => {
  const bench = await CliBench.open(t, ...QUEUES);
  const sending = bench.start(['send', 'plain', '--lines', '--json'], { openStdin: true });
  sending.child.stdin?.write('{"body": 1, "messageId": "first"}\n');
  await sending.printed(/"first"/);
  sending.child.stdin?.end('{"body": 2}\n{"bodi": 3}\n');
  const { code, stdout, stderr } = await sending.finished;
  assert.equal(code, 2);
  assert.equal(lines(stdout).length, 2);
  assert.match(stderr, /^retrain: line 3 of stdin .*"bodi"/);
  assert.equal((await bench.peek('plain')).length, 2);
  const notJson = await bench.run(['send', 'plain', '--lines'], '{"body": 1}\nhello\n');
  assert.deepEqual([notJson.code, notJson.stdout], [2, 'sent 1 message to plain\n']);
  assert.match(notJson.stderr, /line 2 of stdin is not JSON/);
});

test('a message that is refused among others is named, and the rest is sent', async (t) => {
  const bench = await CliBench.open(t, ...QUEUES);
  const input = [{ body: 'a', sessionId: 's' }, { body: 'b' }].map((line) => JSON.stringify(line)).join('\n');
  const finished = await bench.run(['send', 'ses', '--lines'], input);
  assert.equal(finished.code, 1);
  assert.equal(finished.stdout, 'sent 1 message to ses\n');
  assert.match(finished.stderr, /^retrain: message 2: .* refuses "ses": The SessionId was not set/);
});

test('scheduled messages are told with their sequence numbers', async (t) => {
  const bench = await CliBench.open(t, ...QUEUES);
  const said = await bench.ok(['send', 'plain', 'later', '--in', '1h', '--repeat', '2']);
  assert.equal(said, 'scheduled 2 messages in plain, sequence number 1, 2\n');
  const [{ sequenceNumber } = {}] = lines(await bench.ok(['send', 'plain', 'x', '--at', '2100-01-01', '--json']));
  assert.equal(sequenceNumber, '3');
  const seen = await bench.peek('plain', '--from', '2');
  assert.deepEqual(
    seen.map(({ state, scheduledEnqueueTimeUtc: at }) => [state, at?.slice(0, 4)]),
    [
      ['scheduled', seen[0]?.scheduledEnqueueTimeUtc?.slice(0, 4)],
      ['scheduled', '2100'],
    ],
  );
  assert.match(
    await bench.ok(['peek', 'plain']),
    /State +Active at +Message id[^]*scheduled +2100-01-01T00:00:00\.000Z/,
  );
});

test('receive does with the messages what it is told, once they are shown', async (t) => {
  const bench = await CliBench.open(t, ...QUEUES);
  await bench.ok(['send', 'plain', 'x', '--repeat', '6']);
  const receive = async (...args: string[]): Promise<(string | undefined)[]> =>
    lines(await bench.ok(['receive', 'plain', '--json', '--wait', '500ms', ...args])).map(
      (each) => each.sequenceNumber,
    );
  assert.deepEqual(await receive('--complete'), ['1']);
  assert.deepEqual(await receive('--delete', '--count', '2'), ['2', '3']);
  assert.deepEqual(await receive('--abandon', '--count', '10'), ['4', '5', '6'], 'none twice');
  assert.deepEqual(await receive('--defer'), ['4']);
  assert.deepEqual(await receive('--dead-letter', 'Poison', '--description', 'bad schema'), ['5']);
  const states = (await bench.peek('plain')).map(({ sequenceNumber, state }) => [sequenceNumber, state]);
  assert.deepEqual(states, [
    ['4', 'deferred'],
    ['6', 'active'],
  ]);
  const [dead] = await bench.peek('plain', '--dead-letter');
  assert.deepEqual(
    [dead?.sequenceNumber, dead?.deadLetterReason, dead?.deadLetterErrorDescription],
    ['5', 'Poison', 'bad schema'],
  );
  assert.deepEqual(await receive('--deferred', '4', '--complete'), ['4']);
  assertFailure(await bench.run(['receive', 'plain', '--deferred', '4', '--complete']), 1, /sequence number 4/);
  assert.deepEqual(await receive('--from-dead-letter', '--complete'), ['5']);
  assert.deepEqual(await receive('--complete', '--count', '5'), ['6']);
  const none = await bench.run(['receive', 'plain', '--complete', '--wait', '300ms']);
  assert.deepEqual([none.code, none.stdout, none.stderr], [0, '', 'no message within 300ms\n']);
});

test('receive takes from one session, or from one after the other', async (t) => {
  const bench = await CliBench.open(t, ...QUEUES);
  for (const session of ['a', 'b', 'c'])
    await bench.ok(['send', 'ses', session, '--session', session, '--repeat', '2']);
  const bodies = async (...args: string[]): Promise<unknown[]> =>
    lines(await bench.ok(['receive', 'ses', '--complete', '--json', '--wait', '500ms', ...args])).map(
      ({ body }) => body,
    );
  assert.deepEqual(await bodies('--session', 'b', '--count', '9'), ['b', 'b']);
  assert.deepEqual(
    (await bench.peek('ses', '--session', 'c')).map(({ body }) => body),
    ['c', 'c'],
  );
  assert.deepEqual(await bodies('--next-session', '--count', '9'), ['a', 'a', 'c', 'c']);
  assertFailure(await bench.run(['receive', 'ses', '--complete']), 1, /refuses "ses".*--session ID or --next-session/);
  assertFailure(
    await bench.run(['receive', 'plain', '--complete', '--next-session']),
    1,
    /leave out --session and --next-session/,
  );
  assertFailure(
    await bench.run(['receive', 'plain', '--complete', '--session', 's']),
    75,
    /session "s" of "plain" cannot be had/,
  );
});

test('receive --follow shows messages as they come and ends in order on Ctrl-C', async (t) => {
  const bench = await CliBench.open(t, ...QUEUES);
  const following = bench.start(['receive', 'plain', '--complete', '--follow']);
  for (const body of ['one', 'two']) {
    await bench.ok(['send', 'plain', body]);
    await following.printed(new RegExp(`\n    ${body}\n`));
  }
  following.child.kill('SIGINT');
  const { code, stderr } = await following.finished;
  assert.equal(code, 0);
  assert.match(stderr, /stopping; Ctrl-C again ends at once\n2 messages completed\n$/);
  assert.deepEqual(await bench.peek('plain'), []);
});

test('receive that waits for more is ended by Ctrl-C with the code of an interrupted command', async (t) => {
  const bench = await CliBench.open(t, ...QUEUES);
  await bench.ok(['send', 'plain', 'x']);
  const receiving = bench.start(['receive', 'plain', '--complete', '--count', '2', '--wait', '1h', '--json']);
  await receiving.printed(/"body":"x"/);
  receiving.child.kill('SIGINT');
  const { code, stderr } = await receiving.finished;
  assert.equal(code, 130);
  assert.match(stderr, /^retrain: interrupted after 1 message/);
});

test('messages are not lost when nobody reads them: what was not written out comes again', async (t) => {
  const bench = await CliBench.open(t, ...QUEUES);
  await bench.ok(['send', 'plain', 'x'.repeat(100_000), '--repeat', '20']);
  // The reader takes some bytes and goes: more than a pipe holds is still to be written.
  const receiving = bench.start(['receive', 'plain', '--complete', '--count', '20', '--json', '--wait', '1s']);
  await receiving.printed(/x{1000}/);
  receiving.child.stdout?.destroy();
  assert.equal((await receiving.finished).code, 0);
  const left = await bench.peek('plain');
  assert.ok(left.length >= 15, `${left.length} of 20 are left`);
});

test('what cannot be is refused before anything is sent or taken', async (t) => {
  const bench = await CliBench.open(t, ...QUEUES);
  await bench.ok(['send', 'plain', 'x']);
  const refused: readonly (readonly [args: string[], code: number, said: RegExp])[] = [
    [['receive', 'plain'], 2, /say what becomes of the messages: --complete.*retrain peek only looks/],
    [['receive', 'plain', '--complete', '--defer'], 2, /--complete and --defer exclude each other/],
    [['receive', 'plain', '--complete', '--description', 'x'], 2, /--description goes with --dead-letter/],
    [['receive', 'plain', '--abandon', '--follow'], 2, /the same messages would come for ever/],
    [['send', 'plain', 'x', '--lines'], 2, /a body is given besides --lines/],
    [['send', 'plain', 'x', '--file', 'y'], 2, /a body is given besides --file/],
    [['send', 'plain', 'x', '--in', '1m', '--at', '2100-01-01'], 2, /--at and --in: leave out one/],
    [['send', 'plain', 'x', '--at', 'tomorrow'], 2, /--at.*'tomorrow'.*2026-01-31T06:00Z/],
    [['send', 'plain', 'x', '--property', 'k:int=a'], 2, /property "k": "a" is no int/],
    [['send', 'plain', '--file', join(bench.folder, 'none')], 2, /no such file.*check the path/],
    [['send', 'events/Subscriptions/audit', 'x'], 2, /cannot be sent to: name the queue, or the topic events/],
    [['send', 'plain/$DeadLetterQueue', 'x'], 2, /cannot be sent to/],
    [['send', 'plain', 'x'.repeat(100_000), '--repeat', '3', '--session', 's'.repeat(129)], 1, /SessionId|session/i],
    [['peek', 'plain', '--from', '-1'], 2, /--from.*such as 17/],
    [['peek', 'plain/'], 2, /"plain\/".*TOPIC\/SUBSCRIPTION/],
    [['peek', 'plain', '--dead-letter', '--transfer-dead-letter'], 2, /cannot be used with/],
    [['peek', 'none'], 1, /"none" does not exist.*create it/],
    [['peek', 'a/b'], 1, /neither a subscription a\/b nor a queue/],
    [['send', 'none', 'x'], 1, /"none" does not exist/],
    [['receive', 'none', '--complete'], 1, /"none" does not exist/],
  ];
  for (const [args, code, said] of refused) assertFailure(await bench.run(args), code, said);
  assert.equal((await bench.peek('plain')).length, 1);
});

test('a connection string for one queue is refused for another before it is tried', async (t) => {
  const bench = await CliBench.open(t, ...QUEUES);
  const only = ['--connection', `${bench.connectionString};EntityPath=plain`];
  await bench.ok(['send', 'plain', 'x', ...only]);
  await bench.ok(['peek', 'plain', ...only]);
  assertFailure(await bench.run(['peek', 'other', ...only]), 2, /is for "plain" only \(EntityPath\), not for "other"/);
});

test('numbers and times of another client are shown as what they are', async (t) => {
  const bench = await CliBench.open(t, ...QUEUES);
  const at = new Date('2026-01-01T00:00:00Z');
  await bench
    .client()
    .createSender('plain')
    .sendMessages({ body: { a: 1 }, applicationProperties: { n: 7, at, no: null } });
  const [message] = await bench.peek('plain');
  assert.deepEqual(message?.applicationProperties, {
    n: 7,
    at: { type: 'timestamp', value: '2026-01-01T00:00:00.000Z' },
    no: null,
  });
  assert.equal(message?.body, '{"a":1}');
});
