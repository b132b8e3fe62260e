/**
 * The real server as a process of its own, so that it can be killed. The process that forked it says what it does, one word at a time; when that one
 * is gone, this one ends, too.
 */
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { startServer } from '../../src/server/index.ts';
import type { ConnectSettings, RunningServer, StartOptions } from '../../src/server/index.ts';
import { carryOut } from './orders.ts';
import type { Order } from './orders.ts';

/** Every socket that a server of this process accepts. */
const ACCEPTED_SOCKETS = 'net.server.socket';

export type Word = { readonly start: StartOptions } | { readonly order: Order } | 'cut' | 'close';

/** What every word but a fault answers. */
export type Answer =
  { readonly ready: Ready } | { readonly done: true } | { readonly refused: string } | { readonly fault: string };

export interface Ready {
  readonly connectionString: string;
  readonly amqpPort: number;
  readonly httpPort: number;
  readonly connect: ConnectSettings;
  readonly trustFile: string | undefined;
}

const sockets = new Set<Socket>();
let server: RunningServer | undefined;

function say(answer: Answer): void {
  process.send?.(answer);
}

async function start(options: StartOptions): Promise<Answer> {
  server = await startServer({ ...options, onFault: (fault) => say({ fault: String(fault) }) });
  const { connectionString, amqpPort, httpPort, connect, trustFile } = server;
  return { ready: { connectionString, amqpPort, httpPort, connect, trustFile } };
}

async function obey(word: Word): Promise<Answer> {
  if (word === 'cut') {
    for (const socket of sockets) if (socket.localPort === server?.amqpPort) socket.resetAndDestroy();
  } else if (word === 'close') await server?.close();
  else if ('start' in word) return start(word.start);
  else if (server) await carryOut(server.admin, word.order);
  return { done: true };
}

subscribe(ACCEPTED_SOCKETS, (message) => {
  const { socket } = message as { socket: Socket };
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
});
process.on('message', (word: Word) => {
  obey(word).then(say, (error: unknown) => say({ refused: String(error) }));
});
process.once('disconnect', () => process.exit());
