import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectSocket } from '../../bench/socket-connection.ts';
import type { BrokerAddress } from '../../bench/socket-connection.ts';
import type { AmqpError, Link } from '../../src/amqp/index.ts';
import { SETTINGS } from '../../src/server/index.ts';
import { BrokerChild } from '../durability/broker-child.ts';
import { messageOf } from './peer.ts';

const CONNECTIONS = SETTINGS.maxConnections.default;
const QUEUE = 'q';
/** Handshakes under way at a time. */
const AT_ONCE = 100;
/** Open files that each of both processes needs: a socket for each connection, and some for itself. */
const FILES = CONNECTIONS + 500;
/** Bytes of the broker's memory for a connection with one link, its buffers among them. */
const MAX_BYTES_PER_CONNECTION = 64 * 1024;

/** A connection with one receiving link, which has credit for one message. */
interface Receiver {
  readonly socket: Socket;
  readonly link: Link;
  /** Messages that have come. */
  received: number;
}

/** Opens, authenticates and attaches; rejects with what the broker says otherwise. */
function openReceiver(address: BrokerAddress, number: number): Promise<Receiver> {
  return new Promise((resolve, reject) => {
    let receiver: Receiver | undefined;
    const socket = connectSocket(
      address,
      {
        onBegin: (session) => {
          const source = { address: QUEUE };
          session.attach({ role: 'receiver', name: `receiver-${number}`, source, sndSettleMode: 1 });
        },
        onAttach: (link, attach) => {
          if (!attach.source) return;
          receiver = { socket, link, received: 0 };
          link.setCredit(1);
          resolve(receiver);
        },
        onTransfer: () => {
          if (receiver) receiver.received++;
        },
        onClose: (error?: AmqpError) => reject(new Error(`${error?.condition}: ${error?.description}`)),
      },
      reject,
    );
  });
}

/** Sends as many messages, and resolves when all are accepted. */
function send(address: BrokerAddress, count: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let sent = 0;
    let accepted = 0;
    const socket = connectSocket(
      address,
      {
        onBegin: (session) => void session.attach({ role: 'sender', name: 'sender', target: { address: QUEUE } }),
        onAttach: () => undefined,
        onFlow: (link) => {
          for (; link.credit > 0 && sent < count; sent++) {
            const tag = Buffer.alloc(4);
            tag.writeUInt32BE(sent);
            link.send({ tag, payload: [messageOf('x')], settled: false });
          }
        },
        onDisposition: (_link, _delivery, state) => {
          if (state?.kind !== 'accepted') reject(new Error(`not accepted: ${JSON.stringify(state)}`));
          if (++accepted === count) resolve(socket);
        },
      },
      reject,
    );
  });
}

async function openMany(address: BrokerAddress, count: number): Promise<Receiver[]> {
  const receivers: Receiver[] = [];
  while (receivers.length < count) {
    const batch = Math.min(AT_ONCE, count - receivers.length);
    const begun = receivers.length;
    receivers.push(...(await Promise.all(Array.from({ length: batch }, (_, i) => openReceiver(address, begun + i)))));
  }
  return receivers;
}

/** Bytes that a process has in memory, where the system tells (proc_pid_status(5)). */
async function residentBytes(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

function assertFilesAllowed(): void {
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft: number | string } } };
  const allowed = Number(userLimits?.open_files?.soft);
  if (allowed < FILES)
    assert.fail(
      `this process may open ${allowed} files, and the test needs ${FILES}: run 'ulimit -n ${FILES}' before it`,
    );
}

test(`${CONNECTIONS} connections are opened, authenticated and served at a time, and one more is refused with the reason`, async (context) => {
  assertFilesAllowed();
  const dataFolder = await mkdtemp(join(tmpdir(), 'retrain-connections-'));
  context.after(() => rm(dataFolder, { recursive: true }));
  await using broker = await BrokerChild.start({ dataFolder, amqpPort: 0, queue: QUEUE });
  const [, keyName = '', key = ''] =
    /SharedAccessKeyName=([^;]+);SharedAccessKey=([^;]+)/.exec(broker.connectionString) ?? [];
  const address = { port: broker.amqpPort, keyName, key };

  // One connection is for the sender.
  const begin = performance.now();
  const [first] = await openMany(address, 1);
  assert.ok(first);
  const before = await residentBytes(broker.pid);
  const receivers = [first, ...(await openMany(address, CONNECTIONS - 2))];
  const after = await residentBytes(broker.pid);
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  const sender = await send(address, receivers.length);
  const sockets = new Set([sender, ...receivers.map(({ socket }) => socket)]);
  context.after(() => {
    for (const socket of sockets) socket.destroy();
  });

  await assert.rejects(openReceiver(address, CONNECTIONS), (error: Error) => {
    assert.match(error.message, /^amqp:resource-limit-exceeded: Cannot take another connection: the 5000 that/);
    return true;
  });

  // Everybody had credit for one message.
  while (receivers.some(({ received }) => received === 0)) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(receivers.every(({ received }) => received === 1));

  // One that goes makes room; the broker learns of it in its own time.
  first.socket.destroy();
  let next: Receiver | undefined;
  while (!next) next = await openReceiver(address, CONNECTIONS + 1).catch(() => undefined);
  sockets.add(next.socket);

  if (before === undefined || after === undefined) return context.diagnostic('memory is only measured on Linux');
  const bytes = Math.round((after - before) / (receivers.length - 1));
  context.diagnostic(
    `${receivers.length} connections in ${seconds} s, ${(bytes / 1024).toFixed(1)} KiB of the broker's memory for each`,
  );
  assert.ok(bytes < MAX_BYTES_PER_CONNECTION, `${bytes} bytes per connection`);
});
