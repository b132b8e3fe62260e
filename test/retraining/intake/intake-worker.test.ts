import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { ServiceBusMessage, ServiceBusReceivedMessage } from '@azure/service-bus';
import { readRequest } from '../../../src/retraining/envelope.ts';
import type { RequestEvent } from '../../../src/retraining/envelope.ts';
import type { IntakeFact } from '../../../src/retraining/intake/intake-log.ts';
import { intakeRulesSchema } from '../../../src/retraining/intake/intake-settings.ts';
import type { IntakeRuleInput } from '../../../src/retraining/intake/intake-settings.ts';
import { IntakeWorker } from '../../../src/retraining/intake/intake-worker.ts';
import type { IntakeWorkerOptions } from '../../../src/retraining/intake/intake-worker.ts';
import { RetrainingProducer } from '../../../src/retraining/producer.ts';
import type { ProducerOptions } from '../../../src/retraining/producer.ts';
import { startServer } from '../../../src/server/index.ts';
import { parseQueueDescription } from '../../../src/topology/index.ts';
import { TcpProxy } from '../tcp-proxy.ts';
import { eventually, temporaryFolder } from '../trainers/run-fixture.ts';
import { peekAll } from '../worker/worker-fixture.ts';
import { blobCreated, thresholdBreached } from './azure-events.ts';
import { closed, testClient } from '../test-client.ts';

const RULES: IntakeRuleInput[] = [
  {
    name: 'files',
    when: { type: 'Microsoft.Storage.BlobCreated', subject: '*/containers/raw/*' },
    model: '{container}',
  },
  { name: 'drift', when: { type: '*RunStatusChanged' }, model: 'births' },
];

interface Site {
  readonly proxy: TcpProxy;
  readonly facts: IntakeFact[];
  start(
    options?: Partial<IntakeWorkerOptions> & {
      producing?: Partial<ProducerOptions>;
      wrap?: (producer: IntakeWorkerOptions['producer']) => IntakeWorkerOptions['producer'];
    },
  ): Promise<IntakeWorker>;
  /** One that nobody has started. */
  make(options?: Parameters<Site['start']>[0]): IntakeWorker;
  send(...messages: ServiceBusMessage[]): Promise<void>;
  /** Messages in the queue of requests. */
  sent(): Promise<ServiceBusReceivedMessage[]>;
  requests(): Promise<RequestEvent[]>;
  waiting(): Promise<ServiceBusReceivedMessage[]>;
  dead(): Promise<ServiceBusReceivedMessage[]>;
  fact<F extends IntakeFact['fact']>(fact: F, times?: number): Promise<Extract<IntakeFact, { fact: F }>>;
}

/** A broker with a queue for requests and one for events, behind a wire that can be cut. */
async function openSite(t: TestContext, { lockDuration = 'PT1M' } = {}): Promise<Site> {
  const folder = temporaryFolder(t);
  const server = await startServer({
    dataFolder: join(folder, 'data'),
    amqpPort: 0,
    httpPort: 0,
    queues: [
      parseQueueDescription({ name: 'requests', requiresSession: true, requiresDuplicateDetection: true }),
      parseQueueDescription({ name: 'events', requiresDuplicateDetection: true, lockDuration, maxDeliveryCount: 3 }),
    ],
  });
  const proxy = await TcpProxy.open(server.amqpPort);
  const connection = server.connectionString.replace(`:${server.amqpPort}`, `:${proxy.port}`);
  const client = testClient(server.connectionString);
  const facts: IntakeFact[] = [];
  const closing: AsyncDisposable[] = [];
  t.after(async () => {
    for (const each of closing) await each[Symbol.asyncDispose]();
    await closed(client);
    await proxy.close();
    await server.close();
  });
  const make: Site['make'] = ({
    producing,
    wrap = (given: IntakeWorkerOptions['producer']) => given,
    ...options
  } = {}) => {
    const producer = new RetrainingProducer({ connection, queue: 'requests', source: '/intake', ...producing });
    const log = (fact: IntakeFact): void => void facts.push(fact);
    const rules = intakeRulesSchema.parse(RULES);
    const worker = new IntakeWorker({
      connection,
      queue: 'events',
      producer: wrap(producer),
      rules,
      log,
      receiveMs: 300,
      ...options,
    });
    closing.push(worker, producer);
    return worker;
  };
  return {
    proxy,
    facts,
    async start(options) {
      const worker = make(options);
      await worker.start();
      return worker;
    },
    make,
    async send(...messages) {
      await client.createSender('events').sendMessages(messages);
    },
    sent: () => peekAll(server.connectionString, 'requests'),
    async requests() {
      return (await peekAll(server.connectionString, 'requests')).map((message) => {
        const read = readRequest(message);
        assert.ok(read.kind === 'valid', JSON.stringify(read));
        return read.event;
      });
    },
    waiting: () => peekAll(server.connectionString, 'events'),
    dead: () => peekAll(server.connectionString, 'events', 'deadLetter'),
    fact: (name, times = 1) =>
      eventually(
        () => {
          const found = facts.filter((fact) => fact.fact === name);
          return found.length >= times && (found.at(times - 1) as never);
        },
        { what: `${times} times ${name}` },
      ),
  };
}

test('events become requests of their models, and leave the queue; an event that is told twice is one request', async (t) => {
  const site = await openSite(t);
  await site.start();
  // Event Grid tells the same file twice, under two ids, in two schemas; and several events in one message.
  await site.send(
    { body: [blobCreated()] },
    { body: blobCreated('raw/us/2024.csv', { id: 'again' }) },
    { body: [blobCreated('raw/us/2025.csv'), thresholdBreached()], contentType: 'application/json' },
  );
  await site.fact('event-taken', 4);
  await eventually(async () => (await site.waiting()).length === 0);
  const requests = await site.requests();
  assert.deepEqual(
    requests
      .map(({ subject, data }) => [subject, data.trigger.kind, data.data[0]?.uri.split('/').at(-1)].join(' '))
      .sort(),
    ['births data-drift ', 'raw new-data 2024.csv', 'raw new-data 2025.csv'],
  );
  const taken = await site.fact('event-taken');
  assert.deepEqual([taken.model, taken.rule], ['raw', 'files']);
  assert.deepEqual(await site.dead(), []);
});

test('what no rule is for and what is no event are dead-lettered with what it was; what else was in the message is done', async (t) => {
  const site = await openSite(t);
  await site.start();
  await site.send(
    { body: [blobCreated('other/a.csv'), blobCreated('raw/b.csv')] },
    { body: 'not JSON' },
    { body: { specversion: '1.0', id: '1', type: 'a.b', source: '/s' } },
  );
  await site.fact('event-dead-lettered', 3);
  const dead = await site.dead();
  assert.deepEqual(dead.map(({ deadLetterReason }) => String(deadLetterReason)).sort(), [
    'InvalidEvent',
    'NoMatchingRule',
    'NoMatchingRule',
  ]);
  const texts = dead.map(({ deadLetterErrorDescription = '' }) => deadLetterErrorDescription).join('\n');
  assert.match(
    texts,
    /Microsoft\.Storage\.BlobCreated blob-other\/a\.csv from .*files: subject; drift: type is Microsoft\.Storage/,
  );
  assert.match(texts, /the body is not JSON: it is neither a CloudEvent 1\.0 nor/);
  assert.match(texts, /a\.b 1 from \/s: no rule is for it/);
  assert.deepEqual(
    (await site.requests()).map(({ subject }) => subject),
    ['raw'],
  );
});

test('a request that the model rules refuse is dead-lettered as invalid, and not sent', async (t) => {
  const site = await openSite(t);
  const rules = intakeRulesSchema.parse([{ when: { type: '*' }, model: '{subject}' }]);
  await site.start({ rules });
  await site.send({ body: blobCreated() });
  const { reason, description } = await site.fact('event-dead-lettered');
  assert.equal(reason, 'InvalidEvent');
  assert.match(description, /rule 1: request: model\.name = "\/blobServices/);
});

test('new data gathers by the window of its model', async (t) => {
  const site = await openSite(t);
  await site.start({ producing: { gatherWindowMs: (model) => (model === 'raw' ? 3_600_000 : 0) } });
  await site.send({ body: blobCreated('raw/a.csv') }, { body: thresholdBreached() });
  await site.fact('event-taken', 2);
  const states = (await site.sent()).map(({ sessionId, state }) => `${sessionId} ${state}`);
  assert.deepEqual(states.sort(), ['births active', 'raw scheduled']);
});

test('a message is held, and its lock kept, until its request was accepted', async (t) => {
  // Three deliveries are all it has; the lock is renewed many times.
  const site = await openSite(t, { lockDuration: 'PT5S' });
  let refusing = true;
  let tries = 0;
  const accepted: string[] = [];
  const producer = {
    request: async () => {
      tries++;
      if (refusing) throw Object.assign(new Error('connect ECONNREFUSED'), { errno: -111, syscall: 'connect' });
      accepted.push('x');
      return { id: 'x', messageId: 'x' };
    },
    forward: () => Promise.reject(new Error('unused')),
  };
  const random = { fraction: () => 0.5, bytes: (length: number) => Buffer.alloc(length) };
  await site.start({ producer, slots: 1, random });
  await site.send({ body: blobCreated() });
  const waiting = await site.fact('event-waiting', 4);
  assert.equal(waiting.code, 'UNREACHABLE');
  refusing = false;
  await site.fact('event-taken');
  await eventually(async () => (await site.waiting()).length === 0);
  assert.deepEqual([accepted.length, await site.dead()], [1, []]);
  assert.ok(tries > 4);
  assert.equal(site.facts.filter(({ fact }) => fact === 'event-unsettled').length, 0, 'delivered once, settled once');
});

test('a broker that goes away is waited for, told once, and nothing is lost or doubled', async (t) => {
  const site = await openSite(t);
  await site.start();
  await site.send({ body: blobCreated('raw/before.csv') });
  await site.fact('event-taken');
  site.proxy.cut();
  await site.fact('intake-unreachable');
  await site.send({ body: blobCreated('raw/meanwhile.csv') });
  site.proxy.mend();
  await site.fact('intake-reachable');
  await eventually(async () => (await site.requests()).length === 2);
  await eventually(async () => (await site.waiting()).length === 0);
  assert.equal(site.facts.filter(({ fact }) => fact === 'intake-unreachable').length, 1);
});

test('an intake that dies between the request and the settlement costs no second request', async (t) => {
  const site = await openSite(t, { lockDuration: 'PT5S' });
  // The request was accepted; then the wire breaks, as it does when the process dies.
  let died = false;
  await site.start({
    wrap: (producer) => ({
      async request(input, options) {
        const sent = await producer.request(input, options);
        if (!died) site.proxy.cut();
        died = true;
        return sent;
      },
      forward: (event) => producer.forward(event),
    }),
  });
  await site.send({ body: thresholdBreached() });
  await site.fact('event-unsettled');
  const [first, ...none] = await site.requests();
  assert.deepEqual([first?.subject, none], ['births', []]);
  site.proxy.mend();
  // It comes again when its lock is over, is sent again under the same id, and the queue drops it.
  await eventually(async () => (await site.waiting()).length === 0);
  assert.deepEqual(
    (await site.requests()).map(({ id }) => id),
    [first?.id],
  );
  assert.deepEqual(await site.dead(), []);
});

test('a stop gives back what could not be sent, and is over soon', async (t) => {
  const site = await openSite(t);
  const producer = {
    request: () => Promise.reject(Object.assign(new Error('away'), { errno: -111, syscall: 'connect' })),
    forward: () => Promise.reject(new Error('unused')),
  };
  const worker = await site.start({ producer });
  await site.send({ body: blobCreated() });
  await site.fact('event-waiting');
  await worker.stop();
  await site.start();
  await site.fact('event-taken');
  assert.equal((await site.requests()).length, 1);
});

test('a visit takes what waits, also more than it has slots, and ends by itself', async (t) => {
  const site = await openSite(t);
  const files = Array.from({ length: 9 }, (_, index) => ({ body: blobCreated(`raw/${index}.csv`) }));
  await site.send(...files, { body: 'not JSON' }, { body: blobCreated('other/a.csv') });
  const worker = site.make({ slots: 2, receiveMs: 3_000 });
  assert.deepEqual(await worker.runOnce(), { end: 'done', messages: 11, requests: 9 });
  assert.equal((await site.requests()).length, 9);
  assert.deepEqual([(await site.waiting()).length, (await site.dead()).length], [0, 2]);
  assert.equal(site.facts.at(-1)?.fact, 'intake-stopped');
  await assert.rejects(worker.runOnce(), { code: 'ARGUMENT_INVALID' });
});

test('a visit to an empty queue ends by itself', async (t) => {
  const site = await openSite(t);
  assert.deepEqual(await site.make().runOnce(), { end: 'done', messages: 0, requests: 0 });
});

test('what arrives while a visit still works is taken by it', async (t) => {
  const site = await openSite(t);
  let isHeld = false;
  const going = new AbortController();
  t.after(() => going.abort());
  const worker = site.make({
    receiveMs: 3_000,
    wrap: (producer) => ({
      async request(input, options) {
        isHeld = true;
        if (input.data?.[0]?.uri.endsWith('first.csv') && !going.signal.aborted) await once(going.signal, 'abort');
        return producer.request(input, options);
      },
      forward: (event) => producer.forward(event),
    }),
  });
  await site.send({ body: blobCreated('raw/first.csv') });
  const ended = worker.runOnce();
  await eventually(() => isHeld);
  await site.send({ body: blobCreated('raw/second.csv') });
  going.abort();
  assert.deepEqual(await ended, { end: 'done', messages: 2, requests: 2 });
  assert.deepEqual(await site.waiting(), []);
});

test('a visit that is stopped gives back what it holds, and loses nothing', async (t) => {
  const site = await openSite(t);
  const producer = {
    request: () => Promise.reject(Object.assign(new Error('full'), { name: 'ServiceBusError', code: 'QuotaExceeded' })),
    forward: () => Promise.reject(new Error('unused')),
  };
  const worker = site.make({ producer, receiveMs: 3_000 });
  await site.send({ body: blobCreated() });
  const ended = worker.runOnce();
  await site.fact('event-waiting');
  await worker.stop();
  assert.deepEqual(await ended, { end: 'stopped', messages: 0, requests: 0 });
  assert.deepEqual(await site.make({ receiveMs: 3_000 }).runOnce(), { end: 'done', messages: 1, requests: 1 });
  assert.deepEqual([await site.waiting(), await site.dead()], [[], []]);
});

test('a visit does not wait for a broker that is away, and says why', async (t) => {
  const site = await openSite(t);
  const random = { fraction: () => 0, bytes: (length: number) => Buffer.alloc(length) };
  site.proxy.cut();
  const away = await site.make({ random, slots: 1 }).runOnce();
  assert.deepEqual([away.end, away.code, away.messages], ['unreachable', 'UNREACHABLE', 0]);
  assert.match(away.reason ?? '', /./);
  site.proxy.mend();
  const missing = await site.make({ queue: 'nowhere' }).runOnce();
  assert.deepEqual([missing.end, missing.code], ['unreachable', 'ENTITY_NOT_FOUND']);
});

test('a visit whose broker takes no request any more ends, and the event comes again', async (t) => {
  const site = await openSite(t);
  let tries = 0;
  const producer = {
    request: () => {
      tries++;
      return Promise.reject(Object.assign(new Error('away'), { errno: -111, syscall: 'connect' }));
    },
    forward: () => Promise.reject(new Error('unused')),
  };
  const random = { fraction: () => 0, bytes: (length: number) => Buffer.alloc(length) };
  await site.send({ body: blobCreated() });
  const { end, code } = await site.make({ producer, random, receiveMs: 3_000 }).runOnce();
  assert.deepEqual([end, code, tries], ['unreachable', 'UNREACHABLE', 5]);
  assert.deepEqual(await site.make({ receiveMs: 3_000 }).runOnce(), { end: 'done', messages: 1, requests: 1 });
});

test('numbers of slots that cannot be are refused', () => {
  const producer = {} as IntakeWorkerOptions['producer'];
  const connection = 'Endpoint=sb://localhost;SharedAccessKeyName=a;SharedAccessKey=b';
  for (const slots of [0, 1.5, 65])
    assert.throws(() => new IntakeWorker({ connection, producer, rules: [], slots }), { code: 'ARGUMENT_INVALID' });
});
