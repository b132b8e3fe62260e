import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const MODULE = new URL('../../src/cli/client-rejections.js', import.meta.url).href;

function rejecting(reason: string): { status: number | null; stdout: string } {
  const program = `
    import { outliveClientRejections } from ${JSON.stringify(MODULE)};
    outliveClientRejections((line) => console.log(line));
    Promise.reject(${reason});
    setTimeout(() => console.log('lives'), 20);`;
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  return { status, stdout };
}

test('an error of the broker that the client leaves unhandled does not end the process, and is told', () => {
  const { status, stdout } = rejecting(`{ condition: 'amqp:connection:forced' }`);
  assert.equal(status, 0);
  assert.match(stdout, /ended with amqp:connection:forced[^]*lives/);
});

test('nor does a session that a silent broker does not let close', () => {
  const { status, stdout } = rejecting(`Object.assign(new Error('no end'), { name: 'OperationTimeoutError' })`);
  assert.equal(status, 0);
  assert.match(stdout, /ended with OperationTimeoutError[^]*lives/);
});

test('every other rejection that nobody handles stays fatal', () => {
  for (const reason of [
    `new Error('ours')`,
    `Object.assign(new Error('ours'), { condition: 'a' })`,
    '{}',
    'undefined',
  ]) {
    const { status, stdout } = rejecting(reason);
    assert.ok(status !== 0, reason);
    assert.equal(stdout, '', reason);
  }
});
