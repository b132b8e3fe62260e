import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FollowedFiles } from '../../../src/retraining/monitors/followed-files.ts';
import type { FilePositions } from '../../../src/retraining/monitors/followed-files.ts';
import type { RowFormat } from '../../../src/retraining/monitors/row-format.ts';
import type { FileReader } from '../../../src/runtime/read-file.ts';

/** One file in memory, which grows. */
class GrowingFile implements FileReader {
  bytes: Buffer = Buffer.alloc(0);

  glance(): ReturnType<FileReader['glance']> {
    return Promise.resolve(this.#glanced());
  }

  open(): ReturnType<FileReader['open']> {
    const seen = this.bytes;
    return Promise.resolve({
      ...this.#glanced(),
      read: (position, length) => Promise.resolve(seen.subarray(position, position + length)),
      close: () => Promise.resolve(),
    });
  }

  list(): Promise<string[]> {
    return Promise.resolve(['file']);
  }

  #glanced(): { size: number; identity: string; touched: string } {
    return { size: this.bytes.length, identity: 'one', touched: String(this.bytes.length) };
  }
}

/** Appends `bytes` in the parts that `cuts` make, and reads after each, from the position that was kept as JSON. */
async function readGrowing(bytes: Buffer, cuts: readonly number[], format: RowFormat): Promise<unknown[]> {
  const reader = new GrowingFile();
  const rows: unknown[] = [];
  let positions: FilePositions = {};
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  for (const end of ends) {
    reader.bytes = bytes.subarray(0, end);
    const files = new FollowedFiles({ path: '/file', format, needed: [], reader });
    for (let batch = await files.next(positions); batch; batch = await files.next(positions)) {
      for (const row of batch.rows) rows.push('fields' in row ? { ...row.fields } : row.bad);
      positions = JSON.parse(JSON.stringify(await batch.positionsAt())) as FilePositions;
      await batch.close();
    }
  }
  return rows;
}

const text = fc.string({ unit: fc.constantFrom('a', 'ü', '"', ',', '\n', '\r\n', ' ', '1', '😀'), maxLength: 12 });
const cuts = fc.array(fc.nat(), { maxLength: 12 });

test('property: however a CSV file grows, its rows are those that were written, each once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(text, text), { maxLength: 20 }), cuts, async (rows, at) => {
      const quoted = (value: string): string => `"${value.replaceAll('"', '""')}"`;
      const lines = rows.map(([a, b]) => `${quoted(a)},${quoted(b)}\n`);
      const bytes = Buffer.from(`a,b\n${lines.join('')}`);
      assert.deepEqual(
        await readGrowing(bytes, at, { kind: 'csv', delimiter: ',' }),
        rows.map(([a, b]) => ({ a, b })),
      );
    }),
  );
});

test('property: however lines of JSON grow, they are those that were written, each once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ a: text, b: fc.double({ noNaN: true, noDefaultInfinity: true }) })),
      cuts,
      async (rows, at) => {
        const written = rows.map((row) => JSON.stringify(row));
        const bytes = Buffer.from(written.map((line) => `${line}\n`).join(''));
        const expected = written.map((line): unknown => JSON.parse(line));
        assert.deepEqual(await readGrowing(bytes, at, { kind: 'jsonLines' }), expected);
      },
    ),
  );
});

test('property: bytes of any kind are rows or bad lines, never an endless loop or a failure', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), cuts, async (noise, at) => {
      const bytes = Buffer.concat([Buffer.from('a,b\n'), noise, Buffer.from('\n')]);
      await readGrowing(bytes, at, { kind: 'csv', delimiter: ',' });
      await readGrowing(bytes, at, { kind: 'jsonLines' });
    }),
  );
});
