/**
 * One client of a load, in a process of its own so that it does not share a core's event loop with the broker: our engine in client role
 * over a TCP socket. Reads a `Load` as JSON from its first argument and prints a `LoadResult` as JSON.
 */
import { connect } from 'node:net';
import { ACCEPTED, Connection, type ConnectionHandler, type Link, SENDER_SETTLE_MODE } from '../src/amqp/index.ts';

export interface Load {
  readonly port: number;
  readonly keyName: string;
  readonly key: string;
  readonly queue: string;
  /** send: unsettled, each acknowledged when it is durable. receive: peek-lock and complete, each settled by the broker when that is durable. */
  readonly kind: 'send' | 'receive';
  readonly messages: number;
  /** Messages under way: sent and not acknowledged, or delivered and not settled. */
  readonly inFlight: number;
  readonly bodyBytes: number;
  /** Makes the message ids of this load unlike those of others. */
  readonly idPrefix: string;
}

export interface LoadResult {
  readonly seconds: number;
  readonly perSecond: number;
}

/** properties {message-id} and one data section (AMQP 1.0, 3.2.4 and 3.2.6). */
function encodeMessage(id: string, body: Buffer): Buffer[] {
  const idBytes = Buffer.from(id);
  const properties = Buffer.concat([
    Buffer.from([0x00, 0x53, 0x73, 0xc0, idBytes.length + 3, 1, 0xa1, idBytes.length]),
    idBytes,
  ]);
  const data = Buffer.from([0x00, 0x53, 0x75, 0xb0, 0, 0, 0, 0]);
  data.writeUInt32BE(body.length, 4);
  return [Buffer.concat([properties, data]), body];
}

class LoadClient {
  readonly #load: Load;
  readonly #done: (result: LoadResult) => void;
  readonly #fail: (error: Error) => void;
  readonly #body: Buffer;
  #sent = 0;
  #settled = 0;
  #startedAt = 0;

  constructor(load: Load, done: (result: LoadResult) => void, fail: (error: Error) => void) {
    this.#load = load;
    this.#done = done;
    this.#fail = fail;
    this.#body = Buffer.alloc(load.bodyBytes, 'x');
  }

  run(): void {
    const { port, keyName, key, queue, kind } = this.#load;
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    const now = (): number => performance.now();
    let scheduled = false;
    const handler: ConnectionHandler = {
      onOpen: () => void connection.openSession(),
      onBegin: (session) => {
        const address = { address: queue };
        if (kind === 'send') session.attach({ name: 'load', role: 'sender', target: address, source: {} });
        else {
          const modes = { sndSettleMode: SENDER_SETTLE_MODE.unsettled, rcvSettleMode: 1 };
          session.attach({ name: 'load', role: 'receiver', source: address, target: {}, ...modes });
        }
      },
      onAttach: (link) => {
        this.#startedAt = now();
        if (kind === 'receive') link.setCredit(this.#load.inFlight);
      },
      onFlow: (link) => this.#send(link),
      onTransfer: (link, delivery) => link.dispose(delivery, ACCEPTED),
      onDisposition: (link, _delivery, state) => {
        this.#expectAccepted(state?.kind);
        this.#count(socket);
        this.#send(link);
      },
      onSettled: (link, delivery, state) => {
        this.#expectAccepted(state?.kind);
        link.settle(delivery, undefined);
        this.#count(socket);
        if (link.credit < this.#load.inFlight / 2) link.setCredit(this.#load.inFlight);
      },
      onDetach: (_link, detach) =>
        this.#fail(new Error(`detached: ${detach.error?.condition} ${detach.error?.description}`)),
      onEnd: () => undefined,
      onClose: (error) => {
        if (error) this.#fail(new Error(`closed: ${error.condition} ${error.description}`));
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
      onFault: (cause) => this.#fail(cause instanceof Error ? cause : new Error(String(cause))),
    };
    const sasl = { role: 'client', mechanism: 'PLAIN', username: keyName, password: key } as const;
    const connection = new Connection({ role: 'client', containerId: 'bench', hostname: 'localhost', sasl }, handler);
    socket.on('connect', () => connection.start(now()));
    socket.on('data', (chunk) => connection.receive(chunk, now()));
    socket.on('error', (error) => this.#fail(error));
  }

  #send(link: Link): void {
    if (this.#load.kind !== 'send') return;
    while (this.#sent < this.#load.messages && this.#sent - this.#settled < this.#load.inFlight && link.credit > 0) {
      const tag = Buffer.allocUnsafe(4);
      tag.writeUInt32BE(this.#sent);
      const payload = encodeMessage(`${this.#load.idPrefix}-${this.#sent}`, this.#body);
      link.send({ tag, payload, settled: false });
      this.#sent++;
    }
  }

  #expectAccepted(kind: string | undefined): void {
    if (kind !== 'accepted') this.#fail(new Error(`outcome ${kind} instead of accepted`));
  }

  #count(socket: { destroy(): void }): void {
    this.#settled++;
    if (this.#settled !== this.#load.messages) return;
    const seconds = (performance.now() - this.#startedAt) / 1000;
    socket.destroy();
    this.#done({ seconds, perSecond: this.#load.messages / seconds });
  }
}

const load = JSON.parse(process.argv[2] ?? '{}') as Load;
new LoadClient(
  load,
  (result) => {
    console.log(JSON.stringify(result));
    process.exit(0);
  },
  (error) => {
    console.error(error.message);
    process.exit(1);
  },
).run();
