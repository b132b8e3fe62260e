import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DeliveryWindow } from '../../src/server/delivery-window.ts';
import { Fifo } from '../../src/amqp/index.ts';
import { IntakeBudget } from '../../src/server/intake-budget.ts';
import { LIMITS } from '../../src/server/limits.ts';
import { swapGuidOrder } from '../../src/server/lock-token.ts';
import { findReplyLink } from '../../src/server/reply-endpoint.ts';
import { ticksOf } from '../../src/server/ticks.ts';

test('a delivery tag is the lock token in .NET order, and turns back into the token', () => {
  const token = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
  assert.equal(swapGuidOrder(token).toString('hex'), '33221100554477668899aabbccddeeff');
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      assert.deepEqual(swapGuidOrder(swapGuidOrder(Buffer.from(bytes))), Buffer.from(bytes));
    }),
  );
});

test('ticks count from the year 1', () => {
  assert.equal(ticksOf(0), 621_355_968_000_000_000n);
  assert.equal(ticksOf(Date.UTC(2026, 0, 1)), 639_028_224_000_000_000n);
});

test('the delivery window opens for small messages and closes at once for large ones', () => {
  const window = new DeliveryWindow();
  assert.equal(window.messages, LIMITS.deliveryWindowBytes / LIMITS.maxMessageSizeBytes);
  for (let i = 0; i < 100; i++) window.note(100);
  assert.equal(window.messages, LIMITS.deliveryWindowMessages);
  window.note(LIMITS.deliveryWindowBytes * 2);
  assert.equal(window.messages, 1);
});

test('a fifo gives back what it was given, in order', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 5000 }), (steps) => {
      const fifo = new Fifo<number>();
      const model: number[] = [];
      let next = 0;
      for (const push of steps) {
        if (push) {
          fifo.push(++next);
          model.push(next);
        } else {
          assert.equal(fifo.peek(), model[0]);
          assert.equal(fifo.shift(), model.shift());
        }
        assert.equal(fifo.length, model.length);
      }
    }),
  );
});

test('readers wait while too much is not yet durable, and go on at half the limit', () => {
  const budget = new IntakeBudget(() => false);
  let resumed = 0;
  const resume = (): void => void resumed++;
  budget.take(LIMITS.intakeBytes);
  assert.ok(!budget.exhausted);
  budget.take(1);
  assert.ok(budget.exhausted);
  budget.waitForRoom(resume);
  const forgotten = (): void => assert.fail('was forgotten');
  budget.waitForRoom(forgotten);
  budget.giveBack(LIMITS.intakeBytes / 4);
  assert.equal(resumed, 0);
  budget.forget(forgotten);
  budget.giveBack(LIMITS.intakeBytes / 2);
  budget.giveBack(1);
  assert.equal(resumed, 1);
});

test('a reply finds its link by target address, by link name, or by node and session', () => {
  const session = {} as never;
  const link = (name: string, replyAddress: string | undefined, node = 'q/$management') =>
    ({ node, replyAddress, link: { name, session } }) as never;
  const byAddress = link('a', 'reply-1');
  const byName = link('cbs-1', undefined, '$cbs');
  const links = [byName, byAddress];
  const find = (replyTo: string | undefined, node = 'q/$management') =>
    findReplyLink(links, { replyTo, node, session });
  assert.equal(find('reply-1'), byAddress);
  assert.equal(find('cbs-1', '$cbs'), byName);
  assert.equal(find(undefined), byAddress);
  assert.equal(find(undefined, '$cbs'), byName);
  // Whoever has changed its reply-to since it attached still listens on the link that it has.
  assert.equal(find('nobody'), byAddress);
  assert.equal(find('nobody', 's/$management'), undefined);
  assert.equal(findReplyLink(links, { replyTo: undefined, node: '$cbs', session: {} as never }), undefined);
});
