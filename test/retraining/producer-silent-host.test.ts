import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { SEND_CALL_MS } from '../../src/retraining/message-sender.ts';
import type { ProducerFact } from '../../src/retraining/producer-log.ts';
import { RetrainingProducer } from '../../src/retraining/producer.ts';
import { LeapClock } from '../conformance/leap-clock.ts';
import { eventually } from './trainers/run-fixture.ts';
import { FakeSender, input, producing } from './sender-double.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { FakeClock } from '../fake-clock.ts';

/** A host that takes connections and says nothing, as behind a firewall or with a frozen process. */
async function silentHost(
  t: TestContext,
): Promise<{ connectionString: string; connections: () => number; end: () => void }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket.on('error', () => undefined)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const end = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  t.after(end);
  const { port } = server.address() as AddressInfo;
  const connectionString = `Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=k;SharedAccessKey=a2V5;UseDevelopmentEmulator=true`;
  return { connectionString, connections: () => sockets.length, end };
}

test('a host that takes the connection and is silent holds neither who submits nor a flush for long; the request stays in the outbox', async (t) => {
  const host = await silentHost(t);
  const outboxFolder = await temporaryFolder(t);
  const clock = new LeapClock();
  const facts: ProducerFact[] = [];
  const { connectionString: connection } = host;
  const log = (fact: ProducerFact): void => void facts.push(fact);
  const producer = new RetrainingProducer({ connection, outboxFolder, flushEveryMs: 60_000, clock, log });
  const submitted = producer.submit(input);
  await eventually(() => host.connections() > 0, { what: 'a connection' });
  await clock.leap(SEND_CALL_MS / 2);
  const submission = await submitted;
  assert.equal(submission.state, 'queued');
  assert.match(
    submission.state === 'queued' ? submission.reason : '',
    /^127\.0\.0\.1:\d+ did not answer within 5 s \(sending to "model-retraining-queue"\): check/,
  );
  await eventually(
    async () => {
      await clock.leap(SEND_CALL_MS);
      return facts.some(({ fact }) => fact === 'outbox-waiting');
    },
    { what: 'a flush that is given up' },
  );
  const waiting = facts.find((fact) => fact.fact === 'outbox-waiting');
  assert.match(waiting?.reason ?? '', /did not answer within 10 s/);
  assert.equal((await readdir(outboxFolder)).length, 1);
  host.end();
  await producer[Symbol.asyncDispose]();
});

test('a call that is not answered in time is the last of its kind, is told to stop, and leaves no timer; one that is answered leaves none either', async () => {
  const sender = new FakeSender();
  const clock = new FakeClock();
  const { producer } = producing({ sender, clock });
  await producer.request(input);
  assert.equal(clock.armed, 0);
  sender.onSend = () => new Promise(() => undefined);
  const rejected = assert.rejects(producer.request(input), {
    code: 'UNREACHABLE',
    message: /did not answer within 10 s/,
  });
  await eventually(() => clock.armed === 1, { what: 'a call under way' });
  clock.advance(SEND_CALL_MS - 1);
  assert.equal(sender.aborted, 0);
  clock.advance(1);
  await rejected;
  assert.deepEqual([sender.tries, sender.aborted, clock.armed], [2, 1, 0]);
});
