/**
 * The clients of a load, in a process of their own so that they do not share a core's event loop with the broker. Reads a `Load` as JSON from
 * its first argument and prints a `LoadResult` as JSON.
 */
import type { Socket } from 'node:net';
import { ACCEPTED, type AmqpValue, type Link, SENDER_SETTLE_MODE, type Session } from '../src/amqp/index.ts';
import { type BrokerAddress, connectSocket } from './socket-connection.ts';

export interface Load extends BrokerAddress {
  readonly queue: string;
  /** send: unsettled, each acknowledged when it is durable. receive: peek-lock and complete, each settled by the broker when that is durable. */
  readonly kind: 'send' | 'receive';
  readonly messages: number;
  /** Messages under way over all links: sent and not acknowledged, or delivered and not settled. */
  readonly inFlight: number;
  readonly bodyBytes: number;
  /** Makes the message ids of this load unlike those of others. */
  readonly idPrefix: string;
  /** 1 unless given. */
  readonly connections?: number;
  /** Messages take turns over so many sessions; to receive, each session gets a link of its own. None unless given. */
  readonly sessions?: number;
}

export interface LoadResult {
  /** From the moment when the last link was attached, or, with sessions, when the first was. */
  readonly seconds: number;
  readonly perSecond: number;
  /** Messages a second in each tenth of the load. */
  readonly tenths: readonly number[];
}

/** properties {message-id, group-id} and one data section (AMQP 1.0, 3.2.4 and 3.2.6). */
function encodeMessage(id: string, sessionId: string | undefined, body: Buffer): Buffer[] {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.of(0xa1, bytes.length), bytes]);
  };
  const fields = [text(id)];
  // Nulls for the nine fields between message-id and group-id.
  if (sessionId !== undefined) fields.push(Buffer.alloc(9, 0x40), text(sessionId));
  const list = Buffer.concat(fields);
  const head = Buffer.of(0x00, 0x53, 0x73, 0xc0, list.length + 1, sessionId === undefined ? 1 : 11);
  const data = Buffer.from([0x00, 0x53, 0x75, 0xb0, 0, 0, 0, 0]);
  data.writeUInt32BE(body.length, 4);
  return [Buffer.concat([head, list, data]), body];
}

const NEXT_SESSION = new Map<string, AmqpValue>([['com.microsoft:session-filter', null]]);

class LoadClient {
  readonly #load: Load;
  readonly #done: (result: LoadResult) => void;
  readonly #fail: (error: Error) => void;
  readonly #body: Buffer;
  readonly #sockets: Socket[] = [];
  readonly #links: Link[] = [];
  readonly #expectedLinks: number;
  readonly #inFlightPerLink: number;
  readonly #unacknowledged = new Map<Link, number>();
  readonly #tenthsAt: number[] = [];
  #sent = 0;
  #settled = 0;
  #startedAt = 0;

  constructor(load: Load, done: (result: LoadResult) => void, fail: (error: Error) => void) {
    const { connections = 1, sessions = 0, kind } = load;
    this.#load = load;
    this.#done = done;
    this.#fail = fail;
    this.#body = Buffer.alloc(load.bodyBytes, 'x');
    this.#expectedLinks = kind === 'receive' && sessions > 0 ? sessions : connections;
    this.#inFlightPerLink = Math.max(1, Math.floor(load.inFlight / this.#expectedLinks));
  }

  run(): void {
    const { connections = 1, kind } = this.#load;
    for (let index = 0; index < connections; index++) {
      const links = Math.floor((this.#expectedLinks * (index + 1)) / connections) - this.#linksBefore(index);
      const socket = connectSocket(
        this.#load,
        {
          onBegin: (session) => {
            for (let link = 0; link < links; link++) this.#attach(session, `load-${index}-${link}`);
          },
          onAttach: (link) => this.#attached(link),
          onFlow: (link) => this.#send(link),
          onTransfer: (link, delivery) => link.dispose(delivery, ACCEPTED),
          onDisposition: (link, _delivery, state) => {
            if (kind !== 'send') return;
            this.#unacknowledged.set(link, (this.#unacknowledged.get(link) ?? 0) - 1);
            this.#count(state?.kind);
            this.#send(link);
          },
          onSettled: (link, delivery, state) => {
            link.settle(delivery, undefined);
            this.#count(state?.kind);
            if (link.credit <= this.#inFlightPerLink / 2) link.setCredit(this.#inFlightPerLink);
          },
        },
        this.#fail,
      );
      this.#sockets.push(socket);
    }
  }

  #linksBefore(connection: number): number {
    return Math.floor((this.#expectedLinks * connection) / (this.#load.connections ?? 1));
  }

  #attach(session: Session, name: string): void {
    const { queue: address, kind, sessions = 0 } = this.#load;
    if (kind === 'send') {
      session.attach({ name, role: 'sender', target: { address }, source: {} });
      return;
    }
    const source = sessions > 0 ? { address, filter: NEXT_SESSION } : { address };
    const modes = { sndSettleMode: SENDER_SETTLE_MODE.unsettled, rcvSettleMode: 1 };
    session.attach({ name, role: 'receiver', source, target: {}, ...modes });
  }

  #attached(link: Link): void {
    this.#links.push(link);
    const { kind, sessions = 0 } = this.#load;
    const waits = sessions === 0 && this.#links.length < this.#expectedLinks;
    if (waits) return;
    if (this.#startedAt === 0) this.#startedAt = performance.now();
    for (const ready of sessions > 0 ? [link] : this.#links) {
      if (kind === 'receive') ready.setCredit(this.#inFlightPerLink);
      else this.#send(ready);
    }
  }

  #send(link: Link): void {
    const { kind, messages, sessions = 0, idPrefix } = this.#load;
    if (kind !== 'send' || this.#startedAt === 0) return;
    let waiting = this.#unacknowledged.get(link) ?? 0;
    while (this.#sent < messages && waiting < this.#inFlightPerLink && link.credit > 0) {
      const number = this.#sent++;
      const tag = Buffer.allocUnsafe(4);
      tag.writeUInt32BE(number);
      const sessionId = sessions > 0 ? `session-${number % sessions}` : undefined;
      link.send({ tag, payload: encodeMessage(`${idPrefix}-${number}`, sessionId, this.#body), settled: false });
      waiting++;
    }
    this.#unacknowledged.set(link, waiting);
  }

  #count(outcome: string | undefined): void {
    if (outcome !== 'accepted') {
      this.#fail(new Error(`outcome ${outcome} instead of accepted`));
      return;
    }
    const { messages } = this.#load;
    this.#settled++;
    const now = performance.now();
    if (this.#settled >= ((this.#tenthsAt.length + 1) * messages) / 10) this.#tenthsAt.push(now);
    if (this.#settled !== messages) return;
    const seconds = (now - this.#startedAt) / 1000;
    for (const socket of this.#sockets) socket.destroy();
    const tenths = this.#tenthsAt.map((at, index) => {
      const from = this.#tenthsAt[index - 1] ?? this.#startedAt;
      return messages / 10 / ((at - from) / 1000);
    });
    this.#done({ seconds, perSecond: messages / seconds, tenths });
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
