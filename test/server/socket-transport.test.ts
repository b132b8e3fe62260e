import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { LIMITS } from '../../src/server/index.ts';
import { SocketTransport } from '../../src/server/network/socket-transport.ts';

test('the kernel is asked to notice a machine that went without a word', () => {
  const asked: unknown[] = [];
  class AskedSocket extends Socket {
    override setKeepAlive(...how: unknown[]): this {
      asked.push(how);
      return this;
    }
  }
  const socket = new AskedSocket();
  const transport = new SocketTransport(socket);
  assert.deepEqual(asked, [[true, LIMITS.tcpKeepAliveMs]]);
  transport.destroy();
});
