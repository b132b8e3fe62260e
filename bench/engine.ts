import { ACCEPTED, Connection, type ConnectionHandler, type IncomingDelivery, type Link } from '../src/amqp/index.ts';

/** What one run of the engine's loop measured: both roles in one process, no socket, no storage. */
export interface EngineFigures {
  readonly direction: 'client sends' | 'client receives';
  readonly settled: boolean;
  readonly messages: number;
  readonly messageBytes: number;
  /** Messages a second of CPU time that both ends spent together. */
  readonly perSecond: number;
  /** Microseconds for each message in the server's engine, and in the client's. */
  readonly serverMicros: number;
  readonly clientMicros: number;
}

export interface EngineRun {
  readonly direction: EngineFigures['direction'];
  readonly settled: boolean;
  readonly messages: number;
  readonly messageBytes: number;
  /** Deliveries that the receiver lets the sender have under way. */
  readonly credit: number;
}

const IGNORE = (): void => {};

function handler(own: Partial<ConnectionHandler>): ConnectionHandler {
  return {
    onOpen: IGNORE,
    onBegin: IGNORE,
    onAttach: IGNORE,
    onFlow: IGNORE,
    onTransfer: IGNORE,
    onDisposition: IGNORE,
    onDetach: IGNORE,
    onEnd: IGNORE,
    onClose: (error) => {
      if (error) throw new Error(`closed: ${error.condition} ${error.description}`);
    },
    onOutput: IGNORE,
    onFault: (cause) => {
      throw cause;
    },
    ...own,
  };
}

/** One of the two peers: sends all messages, or settles all and grants the credit again. */
class Peer {
  done = 0;
  #sent = 0;
  readonly #run: EngineRun;
  readonly #payload: readonly Buffer[];
  readonly #tag = Buffer.alloc(4);

  constructor(run: EngineRun) {
    this.#run = run;
    this.#payload = [Buffer.from([0x00, 0x53, 0x75, 0xb0, 0, 0, 0, 0]), Buffer.alloc(run.messageBytes - 8)];
  }

  readonly handler: ConnectionHandler = handler({
    onOpen: () => this.onOpen(),
    onBegin: (session, begin) => this.onBegin(session, begin),
    onAttach: (link) => this.onAttach(link),
    onFlow: (link) => this.#send(link),
    onTransfer: (link, delivery) => this.#receive(link, delivery),
    onDisposition: (link) => {
      this.done += 1;
      this.#send(link);
    },
  });

  onOpen: () => void = IGNORE;
  onBegin: ConnectionHandler['onBegin'] = IGNORE;

  onAttach(link: Link): void {
    link.accept();
    if (link.role === 'receiver') link.setCredit(this.#run.credit);
  }

  #send(link: Link): void {
    while (this.#sent < this.#run.messages && link.credit > 0) {
      this.#tag.writeUInt32BE(this.#sent);
      link.send({ tag: this.#tag, payload: this.#payload, settled: this.#run.settled });
      this.#sent += 1;
    }
    if (this.#run.settled) this.done = this.#sent;
  }

  #receive(link: Link, delivery: IncomingDelivery): void {
    this.done += 1;
    if (!delivery.settled) link.settle(delivery, ACCEPTED);
    if (link.credit * 2 < this.#run.credit) link.setCredit(this.#run.credit);
  }
}

/** What a socket does with the output of one turn, without the socket. */
function carry(from: Connection, to: Connection): void {
  const pieces = from.takeOutput();
  for (const piece of pieces) to.receive(piece, 0);
}

/** Runs the loop once. */
export function runEngine(run: EngineRun): EngineFigures {
  const client = new Peer(run);
  const server = new Peer(run);
  client.onBegin = (session) =>
    session.attach({
      name: 'bench',
      role: run.direction === 'client sends' ? 'sender' : 'receiver',
      source: { address: 'q' },
      target: { address: 'q' },
    });
  const clientEnd = new Connection({ role: 'client', containerId: 'bench', sasl: undefined }, client.handler);
  const serverEnd = new Connection({ role: 'server', containerId: 'bench', sasl: undefined }, server.handler);
  client.onOpen = () => clientEnd.openSession();
  clientEnd.start(0);
  serverEnd.start(0);
  let clientMicros = 0;
  let serverMicros = 0;
  while (client.done < run.messages || server.done < run.messages) {
    // Each end's time: taking its own output, and what it does with the other's bytes.
    const begin = cpuMicros();
    const toServer = clientEnd.takeOutput();
    const taken = cpuMicros();
    for (const piece of toServer) serverEnd.receive(piece, 0);
    const toClient = serverEnd.takeOutput();
    const served = cpuMicros();
    for (const piece of toClient) clientEnd.receive(piece, 0);
    const end = cpuMicros();
    clientMicros += taken - begin + (end - served);
    serverMicros += served - taken;
  }
  carry(clientEnd, serverEnd);
  return {
    direction: run.direction,
    settled: run.settled,
    messages: run.messages,
    messageBytes: run.messageBytes,
    perSecond: Math.round(run.messages / ((clientMicros + serverMicros) / 1e6)),
    serverMicros: serverMicros / run.messages,
    clientMicros: clientMicros / run.messages,
  };
}

/** CPU time of the process so far, garbage collection included; other load on the machine does not show in it. */
function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Both directions, settled and unsettled, after a warm-up. */
export function benchEngine(messages = 500_000, messageBytes = 1024): EngineFigures[] {
  const runs: EngineRun[] = [];
  for (const direction of ['client sends', 'client receives'] as const) {
    for (const settled of [false, true]) runs.push({ direction, settled, messages, messageBytes, credit: 1000 });
  }
  for (const run of runs) runEngine({ ...run, messages: Math.min(messages, 50_000) });
  return runs.map(runEngine);
}
