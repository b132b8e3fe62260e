import { connect, type Socket } from 'node:net';
import { Connection, type ConnectionHandler } from '../src/amqp/index.ts';

/** Where a broker listens, and the key that opens it. */
export interface BrokerAddress {
  readonly port: number;
  readonly keyName: string;
  readonly key: string;
}

const IGNORE = (): void => undefined;

/**
 * Our engine in client role over a TCP socket: what a turn of the event loop puts out is written once. `fail` is told of whatever ends the
 * connection from the other side.
 */
export function connectSocket(
  { port, keyName, key }: BrokerAddress,
  own: Partial<ConnectionHandler>,
  fail: (error: Error) => void,
): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  let scheduled = false;
  const handler: ConnectionHandler = {
    onOpen: () => void connection.openSession(),
    onBegin: IGNORE,
    onAttach: IGNORE,
    onFlow: IGNORE,
    onTransfer: IGNORE,
    onDisposition: IGNORE,
    onDetach: (_link, { error }) => fail(new Error(`detached: ${error?.condition} ${error?.description}`)),
    onEnd: IGNORE,
    onClose: (error) => {
      if (error) fail(new Error(`closed: ${error.condition} ${error.description}`));
    },
    onOutput: () => {
      if (scheduled) return;
      scheduled = true;
      setImmediate(() => {
        scheduled = false;
        socket.cork();
        for (const piece of connection.takeOutput()) socket.write(piece);
        socket.uncork();
      });
    },
    onFault: (cause) => fail(cause instanceof Error ? cause : new Error(String(cause))),
    ...own,
  };
  const sasl = { role: 'client', mechanism: 'PLAIN', username: keyName, password: key } as const;
  const connection = new Connection({ role: 'client', containerId: 'bench', hostname: 'localhost', sasl }, handler);
  socket.on('connect', () => connection.start(performance.now()));
  socket.on('data', (chunk) => connection.receive(chunk, performance.now()));
  socket.on('error', fail);
  return socket;
}
