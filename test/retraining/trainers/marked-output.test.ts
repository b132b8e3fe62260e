import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MarkedOutput } from '../../../src/retraining/trainers/marked-output.ts';

const MARKER = Buffer.from('\0ab\n');

test('output up to its marker is taken whole, however it is cut, and nothing after it', async () => {
  const text = fc
    .array(fc.constantFrom('\0', 'a', 'b', '\n', '\0a', 'x'), { maxLength: 30 })
    .map((parts) => parts.join(''));
  await fc.assert(
    fc.asyncProperty(text, text, fc.array(fc.nat(40), { maxLength: 6 }), async (before, after, cuts) => {
      fc.pre(
        !before.includes(MARKER.toString()) &&
          !`${before}${MARKER.toString().slice(0, -1)}`.includes(MARKER.toString()),
      );
      const bytes = Buffer.from(`${before}${MARKER.toString()}${after}`);
      const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
      const taken: Buffer[] = [];
      const output = new MarkedOutput();
      const reached = output.expect(MARKER, async (chunk) => void taken.push(chunk));
      for (let i = 1; i < at.length; i++) await output.write(bytes.subarray(at[i - 1], at[i]));
      await reached;
      assert.equal(Buffer.concat(taken).toString(), before);
    }),
  );
});

test('output that ends without its marker is taken, too', async () => {
  const taken: Buffer[] = [];
  const output = new MarkedOutput();
  void output.expect(MARKER, async (chunk) => void taken.push(chunk));
  await output.write(Buffer.from('x\0a'));
  await output.end();
  assert.equal(Buffer.concat(taken).toString(), 'x\0a');
});
