import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Barrier } from '../../src/server/barrier.ts';
import type { Exit } from '../../src/server/barrier.ts';

const fault = (cause: unknown): never => {
  throw cause;
};

function recorder(left: string[], name = ''): Exit<string, undefined> {
  return { held: 0, fault, leave: (subject) => void left.push(name + subject) };
}

test('nothing leaves before the log is durable up to its position', () => {
  const barrier = new Barrier();
  const left: string[] = [];
  const exit = recorder(left);
  barrier.release(10);
  barrier.hold(11, exit, 'a', undefined);
  assert.deepEqual(left, []);
  barrier.release(10);
  assert.deepEqual(left, []);
  barrier.release(11);
  assert.deepEqual(left, ['a']);
  assert.equal(barrier.size, 0);
  assert.equal(exit.held, 0);
});

test('what is durable already leaves at once, but never overtakes an earlier output of the same link', () => {
  const barrier = new Barrier();
  const left: string[] = [];
  const first = recorder(left, '1');
  const second = recorder(left, '2');
  barrier.release(5);
  barrier.hold(7, first, 'a', undefined);
  barrier.hold(3, first, 'b', undefined);
  barrier.hold(3, second, 'c', undefined);
  assert.deepEqual(left, ['2c']);
  barrier.release(7);
  assert.deepEqual(left, ['2c', '1a', '1b']);
});

test('an output that leaves may hold further ones', () => {
  const barrier = new Barrier();
  const left: string[] = [];
  const later = recorder(left);
  const exit: Exit<string, undefined> = {
    held: 0,
    fault,
    leave: (subject) => {
      left.push(subject);
      barrier.hold(9, later, `${subject}+`, undefined);
    },
  };
  barrier.hold(1, exit, 'a', undefined);
  barrier.hold(1, exit, 'b', undefined);
  barrier.release(1);
  assert.deepEqual(left, ['a', 'b']);
  barrier.release(9);
  assert.deepEqual(left, ['a', 'b', 'a+', 'b+']);
});

test('after close nothing leaves any more', () => {
  const barrier = new Barrier();
  const left: string[] = [];
  const exit = recorder(left);
  barrier.hold(1, exit, 'a', undefined);
  barrier.close();
  barrier.hold(0, exit, 'b', undefined);
  barrier.release(1);
  assert.deepEqual(left, []);
});

test('outputs leave in the order in which they were held, whatever the pace of the disk', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constant('hold'), fc.nat(400)), { maxLength: 4000 }), (steps) => {
      const barrier = new Barrier();
      const left: number[] = [];
      const exit: Exit<number, undefined> = { held: 0, fault, leave: (subject) => void left.push(subject) };
      let appended = 0;
      let durable = 0;
      for (const step of steps) {
        if (typeof step === 'string') barrier.hold(++appended, exit, appended, undefined);
        else barrier.release((durable = Math.min(appended, durable + step)));
        assert.equal(left.length, durable);
      }
      assert.deepEqual(
        left,
        left.map((_, i) => i + 1),
      );
      assert.equal(exit.held, appended - durable);
    }),
  );
});

test('the ring grows beyond its first size without losing or reordering anything', () => {
  const barrier = new Barrier();
  const left: number[] = [];
  const exit: Exit<number, undefined> = { held: 0, fault, leave: (subject) => void left.push(subject) };
  for (let i = 1; i <= 700; i++) barrier.hold(i, exit, i, undefined);
  barrier.release(600);
  for (let i = 701; i <= 5000; i++) barrier.hold(i, exit, i, undefined);
  barrier.release(5000);
  assert.deepEqual(
    left,
    Array.from({ length: 5000 }, (_, i) => i + 1),
  );
});

test('an output that fails to leave is handed to its own exit, and the others leave', () => {
  const barrier = new Barrier();
  const left: string[] = [];
  const faults: unknown[] = [];
  const broken: Exit<string, undefined> = {
    held: 0,
    fault: (cause) => void faults.push(cause),
    leave: (subject) => {
      throw new Error(subject);
    },
  };
  barrier.hold(1, recorder(left), 'a', undefined);
  barrier.hold(1, broken, 'b', undefined);
  barrier.hold(2, recorder(left), 'c', undefined);
  barrier.release(2);
  barrier.hold(2, broken, 'd', undefined);
  assert.deepEqual(left, ['a', 'c']);
  assert.deepEqual(faults.map(String), ['Error: b', 'Error: d']);
  assert.equal(barrier.size, 0);
});
