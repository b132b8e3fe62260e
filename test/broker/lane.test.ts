import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { Lane } from '../../src/broker/lane.ts';
import { MessageTable, NONE } from '../../src/broker/message-table.ts';

function slotsOf(table: MessageTable, count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const slot = table.allocate();
    table.sequenceNumber[slot] = i + 1;
    return slot;
  });
}

test('whatever is appended, taken, put back and removed, a lane gives the lowest number first', () => {
  const step = fc.tuple(fc.constantFrom('append', 'take', 'put back', 'remove'), fc.nat());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const table = new MessageTable();
      const lane = new Lane(table);
      const coming = slotsOf(table, 300);
      let inside: number[] = [];
      let taken: number[] = [];
      const pick = (from: number[], at: number): number | undefined => from[at % Math.max(1, from.length)];
      for (const [what, at] of steps) {
        if (what === 'append') {
          const slot = coming.shift() as number;
          lane.append(slot);
          inside.push(slot);
        } else if (what === 'take') {
          const slot = inside.length === 0 ? NONE : Math.min(...inside);
          assert.equal(lane.take(), slot);
          if (slot !== NONE) taken.push(slot);
          inside = inside.filter((other) => other !== slot);
        } else {
          const slot = pick(what === 'remove' ? inside : taken, at);
          if (slot === undefined) continue;
          if (what === 'remove') {
            lane.remove(slot);
            inside = inside.filter((other) => other !== slot);
          } else {
            lane.putBack(slot);
            inside.push(slot);
            taken = taken.filter((other) => other !== slot);
          }
        }
        assert.equal(lane.count, inside.length);
        assert.deepEqual(new Set(lane.slots()), new Set(inside));
      }
    }),
  );
});

test('a lane does not grow with messages that come back again and again', () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const table = new MessageTable();
  const lane = new Lane(table);
  const slots = slotsOf(table, 3);
  for (const slot of slots) lane.putBack(slot);
  const heapBytes = (): number => {
    gc();
    return process.memoryUsage().heapUsed;
  };
  const before = heapBytes();
  // The first one comes back to its place, or behind the second one, which came back before it.
  for (let i = 0; i < 500_000; i++) {
    const first = lane.take();
    const second = lane.take();
    lane.putBack(i % 2 === 0 ? first : second);
    lane.putBack(i % 2 === 0 ? second : first);
  }
  assert.ok(heapBytes() - before < 1_000_000, `${heapBytes() - before} bytes are kept`);
  assert.equal(lane.take(), slots[0]);
});
