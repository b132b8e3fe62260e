import { ServiceBusError } from '@azure/service-bus';
import type { ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeldMessages } from '../../../src/retraining/worker/held-messages.ts';
import type { WorkerFact } from '../../../src/retraining/worker/worker-log.ts';
import { FakeClock } from '../../fake-clock.ts';

const LOCK_MS = 30_000;

function scene() {
  const clock = new FakeClock();
  const facts: WorkerFact[] = [];
  const held = new HeldMessages({ clock, log: (fact) => facts.push(fact) });
  const renewed: number[] = [];
  const abandoned: number[] = [];
  const faults = new Map<number, Error>();
  const numberOf = ({ sequenceNumber }: ServiceBusReceivedMessage): number => Number(String(sequenceNumber));
  const receiver = {
    async renewMessageLock(message: ServiceBusReceivedMessage) {
      renewed.push(numberOf(message));
      const fault = faults.get(numberOf(message));
      if (fault) throw fault;
    },
    abandonMessage: async (message: ServiceBusReceivedMessage) => void abandoned.push(numberOf(message)),
  } as unknown as ServiceBusReceiver;
  const add = (number: number, model = 'births'): ServiceBusReceivedMessage => {
    const lockedUntilUtc = new Date(clock.wallMs() + LOCK_MS);
    const message = { sequenceNumber: number, lockedUntilUtc } as unknown as ServiceBusReceivedMessage;
    held.add({ message, model, receiver });
    return message;
  };
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  };
  return { clock, facts, held, renewed, abandoned, faults, add, pass };
}

test('each lock is renewed at a third of its duration for as long as the message is held', async () => {
  const { held, renewed, add, pass, clock } = scene();
  const [first] = [add(1), add(2)];
  await pass(LOCK_MS / 3 - 1);
  assert.deepEqual(renewed, []);
  await pass(1);
  assert.deepEqual(renewed, [1, 2]);
  if (first) held.forget(first);
  await pass(LOCK_MS / 3);
  assert.deepEqual(renewed, [1, 2, 2]);
  held.clear();
  await pass(LOCK_MS);
  assert.deepEqual([renewed.length, clock.armed], [3, 0]);
});

test('a renewal that fails is told and tried again; a message whose lock is lost is held no longer', async () => {
  const { held, faults, facts, add, pass, renewed } = scene();
  add(1);
  add(2);
  faults.set(1, new ServiceBusError('busy', 'ServiceBusy'));
  faults.set(2, new ServiceBusError('gone', 'MessageLockLost'));
  await pass(LOCK_MS / 3);
  assert.deepEqual(
    facts.map(({ fact }) => fact),
    ['renewal-failed', 'renewal-failed'],
  );
  assert.deepEqual([held.size, [...held.models()]], [1, ['births']]);
  await pass(LOCK_MS / 3);
  assert.deepEqual(renewed, [1, 2, 1]);
});

test('a message that is delivered again takes the place of the one whose lock is lost', () => {
  const { held, add } = scene();
  const old = add(7);
  const again = add(7);
  assert.equal(held.size, 1);
  assert.equal(held.find(old), undefined);
  assert.equal(held.find(again)?.message, again);
  held.forget(old);
  assert.equal(held.size, 1);
});

test('what is given back is renewed no more', async () => {
  const { held, abandoned, renewed, add, pass, clock } = scene();
  add(1);
  add(2, 'other');
  await held.giveBack();
  assert.deepEqual(abandoned, [1, 2]);
  await pass(LOCK_MS);
  assert.deepEqual([renewed, clock.armed], [[], 0]);
});
