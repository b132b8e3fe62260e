import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { AT_A_TIME, Fixture, receive, receiveOne, receivesNothing } from './fixture.ts';

describe('forwarding and partitions', { concurrency: AT_A_TIME }, () => {
  test('what is sent to a queue that forwards arrives at the next one, with its first number; nobody receives on the way', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'to' }, { name: 'from', forwardTo: 'to' }]);
    const client = fixture.client();
    await client.createSender('to').sendMessages({ body: 'before' });
    await client
      .createSender('from')
      .sendMessages([{ body: 'a', messageId: 'id', sessionId: 's', applicationProperties: { p: 1 } }, { body: 'b' }]);
    const receiver = client.createReceiver('to');
    const messages = await receive(receiver, 3);
    assert.deepEqual(
      messages.map(({ body, sequenceNumber, enqueuedSequenceNumber }) => [
        body as string,
        sequenceNumber?.toNumber(),
        enqueuedSequenceNumber,
      ]),
      [
        ['before', 1, 1],
        ['a', 2, 1],
        ['b', 3, 2],
      ],
    );
    const [, a] = messages;
    assert.deepEqual(
      [a?.messageId, a?.sessionId, a?.applicationProperties, a?.deliveryCount],
      ['id', 's', { p: 1 }, 0],
    );
    for (const message of messages) await receiver.completeMessage(message);
    assert.deepEqual(await client.createReceiver('from').peekMessages(1), []);
    await assert.rejects(client.createReceiver('from').receiveMessages(1, { maxWaitTimeInMs: 300 }));
  });

  test('dead letters are forwarded with reason and source, and a fifth hop ends in the transfer dead-letter queue', async (context) => {
    const chain = ['q1', 'q2', 'q3', 'q4', 'q5'].map((name, i) => ({ name, forwardTo: `q${i + 2}` }));
    const fixture = await Fixture.start(context, [
      { name: 'q6' },
      ...chain.reverse(),
      { name: 'graveyard' },
      { name: 'work', forwardDeadLetteredMessagesTo: 'graveyard' },
    ]);
    const client = fixture.client();
    await client.createSender('work').sendMessages({ body: 'bad' });
    const worker = client.createReceiver('work');
    await worker.deadLetterMessage(await receiveOne(worker), {
      deadLetterReason: 'why',
      deadLetterErrorDescription: 'because',
    });
    const buried = await receiveOne(client.createReceiver('graveyard'));
    const told = ({
      body,
      deadLetterReason,
      deadLetterErrorDescription,
      deadLetterSource,
    }: ServiceBusReceivedMessage) => [body as string, deadLetterReason, deadLetterErrorDescription, deadLetterSource];
    assert.deepEqual(told(buried), ['bad', 'why', 'because', 'work']);
    await client.createSender('q1').sendMessages({ body: 'far' });
    await client.createSender('q2').sendMessages({ body: 'far enough' });
    assert.equal((await receiveOne(client.createReceiver('q6'))).body, 'far enough');
    assert.ok(await receivesNothing(client.createReceiver('q6')));
    const lost = await receiveOne(client.createReceiver('q5', { subQueueType: 'transferDeadLetter' }));
    assert.deepEqual([lost.body, lost.deadLetterReason], ['far', 'MaxTransferHopCountExceeded']);
  });

  test('a partitioned queue has its partition in the upper bits of the numbers, and every operation takes them back', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'p', enablePartitioning: true }]);
    const client = fixture.client();
    const sender = client.createSender('p');
    await sender.sendMessages(['x', 'y', 'x'].map((partitionKey, body) => ({ body, partitionKey })));
    const receiver = client.createReceiver('p');
    const messages = await receive(receiver, 3);
    const partitions = messages.map(({ sequenceNumber }) => sequenceNumber!.shiftRightUnsigned(48).toNumber());
    const byBody = new Map(messages.map(({ body }, i) => [Number(body), partitions[i]]));
    assert.equal(byBody.get(0), byBody.get(2));
    for (const message of messages) await receiver.deferMessage(message);
    const peeked = await receiver.peekMessages(10);
    assert.equal(peeked.length, 3);
    const numbers = messages.map(({ sequenceNumber }) => sequenceNumber!);
    const fetched = await receiver.receiveDeferredMessages(numbers);
    assert.deepEqual(
      fetched.map(({ body }) => Number(body)),
      messages.map(({ body }) => Number(body)),
    );
    for (const message of fetched) await receiver.completeMessage(message);
    const [scheduled] = await sender.scheduleMessages({ body: 'later' }, new Date(fixture.clock.wallMs() + 60_000));
    await sender.cancelScheduledMessages(scheduled!);
    assert.deepEqual(await client.createReceiver('p').peekMessages(1), []);
  });

  test('a queue that nobody uses for its time is gone for its clients, and one in use stays', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'idle', autoDeleteOnIdle: 'PT5M' }, { name: 'kept' }]);
    const client = fixture.client();
    await client.createSender('kept').sendMessages({ body: 'x' });
    for (let minute = 0; minute < 6; minute++) await fixture.clock.leap(60_000);
    const late = fixture.client();
    const refused = late.createSender('idle').sendMessages({ body: 1 });
    await assert.rejects(refused, { code: 'MessagingEntityNotFound' });
    assert.equal((await receiveOne(late.createReceiver('kept'))).body, 'x');
  });
});
