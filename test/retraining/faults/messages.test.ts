import assert from 'node:assert/strict';
import type { ServiceBusMessage } from '@azure/service-bus';
import { describe, test } from 'node:test';
import { REQUESTED_TYPE, requestMessage } from '../../../src/retraining/envelope.ts';
import type { RequestEvent } from '../../../src/retraining/envelope.ts';
import { PRODUCER_SOURCE } from '../../../src/retraining/producer.ts';
import { parseRequest } from '../../../src/retraining/request.ts';
import type { TrainerRun } from '../../../src/retraining/trainers/trainer.ts';
import { eventually } from '../trainers/run-fixture.ts';
import { QUEUE, failure, good, requestFor, success, trainer } from '../worker/worker-fixture.ts';
import { openFaultWorld } from './fault-world.ts';
import { storm } from './storm.ts';

// Messages that come twice, that nobody can read, that spoil a plan, and more of them than anybody wants.

const requestsOf = (runs: readonly TrainerRun[]): number[] => runs.map(({ plan }) => plan.requests.length);

describe('messages', { concurrency: 3 }, () => {
  test('a request that is delivered three times at once and once more after its answer is run once', async (t) => {
    const world = await openFaultWorld(t);
    const runs: TrainerRun[] = [];
    const event: RequestEvent = {
      source: PRODUCER_SOURCE,
      id: 'births/twice',
      type: REQUESTED_TYPE,
      subject: 'births',
      time: '2026-01-01T00:00:00Z',
      data: parseRequest(requestFor()),
    };
    const sender = world.client.createSender(QUEUE);
    // Ids that duplicate detection cannot know, as from a sender whose window is over.
    const copy = (number: number): ServiceBusMessage =>
      requestMessage(event, { messageId: `copy-${number}`, nowMs: 0 });
    world.auditor.sent('births', event.id);
    await sender.sendMessages([copy(1), copy(2), copy(3)]);
    await world.work({ trainer: good(world.folder, runs) });
    await world.told('promoted');
    await world.auditor.emptied();
    await sender.sendMessages(copy(4));
    const { id } = await world.fact('already-answered');
    await world.auditor.emptied();
    await world.auditor.holds({ told: { started: 1, promoted: 1 } });
    assert.equal(id, event.id);
    assert.deepEqual(requestsOf(runs), [1]);
    await sender.close();
  });

  test('messages that are no requests are dead-lettered with the reason, and hold up nothing', async (t) => {
    const world = await openFaultWorld(t);
    const poison: ServiceBusMessage[] = [
      { body: undefined },
      { body: Buffer.alloc(0) },
      { body: Buffer.from([0xff, 0x00, 0xc3, 0x28]) },
      { body: 'train births' },
      { body: { model: 'births' }, subject: REQUESTED_TYPE },
      { body: '{"'.repeat(20_000), subject: REQUESTED_TYPE },
      { body: '['.repeat(50_000), contentType: 'application/cloudevents+json' },
      {
        body: { trigger: { kind: 'manual' }, model: { name: 'other' } },
        subject: REQUESTED_TYPE,
        applicationProperties: { 'cloudEvents:id': 'x', 'cloudEvents:source': '/x', 'cloudEvents:subject': 'births' },
      },
    ];
    const sender = world.client.createSender(QUEUE);
    await world.send();
    for (const [index, message] of poison.entries())
      await sender.sendMessages({ ...message, messageId: `poison-${index}`, sessionId: 'births' });
    await world.send();
    const runs: TrainerRun[] = [];
    await world.work({ trainer: good(world.folder, runs) });
    await world.fact('dead-lettered', poison.length);
    await world.told('promoted');
    await world.auditor.emptied();
    await world.auditor.holds({ told: { promoted: runs.length, failed: 0 } });
    const dead = await world.auditor.messages('deadLetter');
    assert.equal(dead.length, poison.length);
    for (const { deadLetterReason, deadLetterErrorDescription: description } of dead)
      assert.ok(deadLetterReason === 'InvalidRequest' && (description ?? '').length > 0, description);
    await sender.close();
  });

  test('a session state that is no ledger is never overwritten: its model waits and says so, others are trained', async (t) => {
    const world = await openFaultWorld(t, { lockDuration: 'PT5S' });
    await world.send('spoiled');
    const setState = async (state: unknown): Promise<void> => {
      const receiver = await eventually(() => world.client.acceptSession(QUEUE, 'spoiled').catch(() => undefined));
      await receiver.setSessionState(state);
      await receiver.close();
    };
    await setState(Buffer.from('{"version": 99}'));
    await world.work({});
    const { code, model } = await world.fact('session-failed');
    assert.deepEqual([model, code], ['spoiled', 'LEDGER_INVALID']);
    await world.send('sound');
    await world.told('promoted');
    assert.equal((await world.auditor.messages()).length, 1);
    await setState(Buffer.alloc(0));
    await world.told('promoted', 2);
    await world.auditor.emptied();
    await world.auditor.holds({ told: { promoted: 2, deadlettered: 0 } });
  });

  test('one poison request among fifty that are merged: the others are answered, and only it is dead-lettered', async (t) => {
    const world = await openFaultWorld(t);
    const runs: TrainerRun[] = [];
    const poison = 'births/poison';
    await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        world.send('births', {}, { dedupeKey: index === 30 ? poison : `births/${index}` }),
      ),
    );
    await world.work({
      trainer: trainer((run) => {
        runs.push(run);
        const spoiled = run.plan.requests.some(({ id }) => id === poison);
        return spoiled
          ? failure({ meaning: 'permanent', reason: 'no column price' })
          : success(world.folder, run, 10 / run.plan.epoch);
      }),
    });
    const [dead] = await world.told('deadlettered');
    await world.auditor.emptied();
    await world.auditor.holds({ told: { deadlettered: 1, failed: 2, coalesced: 50 } });
    assert.equal(dead?.data.request?.id, poison);
    assert.match(dead?.data.reason ?? '', /no column price/);
    const [merged, ...alone] = requestsOf(runs);
    assert.ok(
      merged === 50 && alone.length === 50 && alone.every((requests) => requests === 1),
      requestsOf(runs).join(),
    );
  });

  test('many requests at once for one model cost a few runs, whatever their number', async (t) => {
    const { runs } = await storm(t, { models: 1, requests: 250, withinMs: 120_000 });
    // A plan takes a hundred; what came before the rest was there has a run of its own.
    assert.ok(runs >= 3 && runs <= 12, `${runs} runs`);
  });

  test('many models at once are each trained once', async (t) => {
    const { runs } = await storm(t, { models: 80, requests: 80, withinMs: 120_000 });
    assert.equal(runs, 80);
  });
});
