import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { temporaryFolder } from '../retraining/temporary-folder.ts';

test('of an append that the disk has no room for, nothing stays in the file', async (t) => {
  const path = join(await temporaryFolder(t), 'journal');
  const module = new URL('../../src/runtime/append-file.js', import.meta.url).href;
  const program = `
    import { createAppendFile } from ${JSON.stringify(module)};
    const file = await createAppendFile(${JSON.stringify(path)});
    await file.append(Buffer.from('kept\\n'));
    const code = await file.append(Buffer.alloc(100_000, 'x\\n')).catch((error) => error.code);
    console.log(code, file.size);
    await file.close();`;
  // No file of the program may have more than a few blocks.
  const limited = ['-c', 'ulimit -f 4; exec "$0" --input-type=module -e "$1"', process.execPath, program];
  const { stdout } = await promisify(execFile)('bash', limited);
  assert.equal(stdout, 'EFBIG 5\n');
  assert.equal(await readFile(path, 'utf8'), 'kept\n');
});
