import { RetrainError } from '../errors.ts';
import {
  ATTACH,
  BEGIN,
  END,
  type AmqpError,
  type Attach,
  type Begin,
  type Composite,
  type DeliveryState,
  type Detach,
  type Encodable,
} from './composites.ts';
import { CONDITION } from './conditions.ts';
import type { Connection } from './connection.ts';
import { writeDisposition } from './disposition-frame.ts';
import { DispositionRun } from './disposition-run.ts';
import { ABSENT } from './fields-in-place.ts';
import { writeFlow, type FlowFields, type LinkFlow, type SessionFlow } from './flow-frame.ts';
import { Link, type AttachOptions } from './link.ts';
import { OutgoingTransfers } from './outgoing-transfers.ts';
import { described, ownError, ProtocolError } from './protocol-error.ts';
import { serialAdd, type SerialNumber } from './serial-number.ts';
import { SlotTable } from './slot-table.ts';
import type { TransferFields } from './transfer-frame.ts';
import { Unsettled } from './unsettled.ts';
import type { Fields } from './value.ts';

export interface SessionOptions {
  readonly properties?: Fields;
}

/**
 * begin-sent: ours has gone out, the peer's has not come (frames may be sent already). mapped: both are there. end-sent: ours
 * has gone out, what still comes is thrown away (DISCARDING, 2.5.5). ended: nothing comes any more.
 */
type SessionState = 'begin-sent' | 'mapped' | 'end-sent' | 'ended';

const OUTGOING_WINDOW = 0xffff_ffff;
const NO_FIELDS: Fields = new Map();

/** A session: the window for transfer frames and the table of links (2.5). */
export class Session {
  readonly connection: Connection;
  /** The channels on which we send, and on which the peer does (-1 until its begin has come). */
  readonly localChannel: number;
  remoteChannel = -1;
  /** For the owner. */
  context: unknown = undefined;

  // What follows is for the engine.
  readonly outgoing: OutgoingTransfers;
  readonly unsettled: Unsettled;
  #state: SessionState = 'begin-sent';
  #reported = false;
  #nextIncomingId: SerialNumber = 0;
  #incomingWindow: number;
  readonly #localHandles: SlotTable<Link>;
  readonly #remoteHandles = new Map<number, Link>();
  readonly #dispositions = [new DispositionRun(false), new DispositionRun(true)] as const;
  /** Links whose credit has changed since our last flow for them. */
  #flows: Link[] = [];
  #queued = false;

  constructor(connection: Connection, localChannel: number) {
    this.connection = connection;
    this.localChannel = localChannel;
    this.#incomingWindow = connection.incomingWindow;
    this.#localHandles = new SlotTable(0xffff_ffff);
    this.outgoing = new OutgoingTransfers(this);
    this.unsettled = new Unsettled(this);
  }

  /** The links that have a handle of ours. */
  get links(): Iterable<Link> {
    return this.#localHandles.values();
  }

  /** Transfer frames that the peer still takes. */
  get remoteIncomingWindow(): number {
    return this.outgoing.window;
  }

  /** The session can be used: neither side has ended it. */
  get open(): boolean {
    return this.#state === 'mapped' || this.#state === 'begin-sent';
  }

  /** Attaches a link from our side; `onAttach` tells of the answer. Throws `ARGUMENT_INVALID` after the end or when the name is taken. */
  attach(options: AttachOptions): Link {
    const link = new Link(this, options.name, options.role);
    if (!this.open) throw new RetrainError('ARGUMENT_INVALID', 'the session has ended: begin another one');
    this.connection.linkNames.claim(link);
    link.attach(options);
    return link;
  }

  /** Sends end; `onEnd` follows with the peer's answer. */
  end(error?: AmqpError): void {
    if (!this.open) return;
    this.#flushAll();
    this.send(END, { error });
    this.#state = 'end-sent';
    this.#dropLinks();
  }

  /** Sends our begin; `remoteChannel` is given when it answers the peer's. */
  begin(properties: Fields | undefined, remoteChannel?: number): void {
    this.send(BEGIN, {
      remoteChannel,
      nextOutgoingId: this.outgoing.nextOutgoingId,
      incomingWindow: this.#incomingWindow,
      outgoingWindow: OUTGOING_WINDOW,
      handleMax: this.connection.handleMax,
      properties: properties ?? NO_FIELDS,
    });
  }

  onBegin(begin: Begin, remoteChannel: number): void {
    this.remoteChannel = remoteChannel;
    this.#state = 'mapped';
    this.#nextIncomingId = begin.nextOutgoingId;
    this.#localHandles.max = begin.handleMax;
    this.outgoing.onWindow(ABSENT, begin.incomingWindow);
  }

  /** The peer's end: answers it when it is not the answer to ours. */
  onEnd(error: AmqpError | undefined): void {
    if (this.open) {
      this.#flushAll();
      this.send(END, {});
    }
    this.#dropLinks();
    this.#state = 'ended';
    this.#report(error);
  }

  /** The peer broke a rule of the session: ends it with an error (2.5.5). */
  violate(condition: string, description: string): void {
    if (!this.open) return;
    const error = described(ownError(condition, description), this.connection.options.describe);
    this.end(error);
    this.#report(error);
  }

  /** The connection is gone. */
  drop(): void {
    this.#state = 'ended';
    this.#dropLinks();
  }

  #report(error: AmqpError | undefined): void {
    if (this.#reported) return;
    this.#reported = true;
    this.connection.handler.onEnd(this, error);
  }

  #dropLinks(): void {
    for (const link of [...this.#localHandles.values(), ...this.#remoteHandles.values()]) link.drop();
    this.#remoteHandles.clear();
    this.unsettled.clear();
    this.#flows = [];
  }

  onAttach(attach: Attach): void {
    if (attach.handle > this.connection.handleMax) {
      const message = `handle ${attach.handle} is over the handle-max of ${this.connection.handleMax}`;
      throw new ProtocolError(CONDITION.framingError, message);
    }
    if (this.#remoteHandles.has(attach.handle)) {
      this.violate(CONDITION.handleInUse, `handle ${attach.handle} is attached already`);
      return;
    }
    const role = attach.role ? 'sender' : 'receiver';
    const { linkNames } = this.connection;
    const named = linkNames.get(attach.name, role);
    const answered = named?.session === this && named.unanswered;
    const link = answered ? named : new Link(this, attach.name, role);
    if (!answered) {
      // The peer attaches a link again without having detached it: the new one takes over (link stealing, 2.6.1).
      named?.steal();
      if (!linkNames.admit(link)) {
        this.violate(CONDITION.resourceLimitExceeded, 'the connection has as many links as it may have');
        return;
      }
    }
    this.#remoteHandles.set(attach.handle, link);
    link.onAttach(attach);
    // An answer to a link that we have detached meanwhile is no news: its detach follows.
    if (!answered || link.attached) this.connection.handler.onAttach(link, attach);
  }

  onDetach(detach: Detach): void {
    const link = this.#remoteHandles.get(detach.handle);
    if (link === undefined) {
      this.violate(CONDITION.unattachedHandle, `detach names handle ${detach.handle}, which is not attached`);
      return;
    }
    link.onDetach(detach);
  }

  onFlow(fields: FlowFields): void {
    this.outgoing.onWindow(fields.nextIncomingId, fields.incomingWindow);
    let link: Link | undefined;
    if (fields.handle !== ABSENT) {
      link = this.#remoteHandles.get(fields.handle);
      if (link === undefined) {
        this.violate(CONDITION.unattachedHandle, `flow names handle ${fields.handle}, which is not attached`);
        return;
      }
      link.takeFlow(fields);
    }
    this.outgoing.pump();
    const flowsBefore = link?.flowsSent ?? 0;
    link?.reportFlow();
    if (fields.echo && this.open && (link === undefined || (link.flowsSent === flowsBefore && link.answerable))) {
      this.sendFlow(link?.flow());
    }
  }

  onTransfer(fields: TransferFields, buffer: Buffer, start: number, end: number): void {
    if (this.#incomingWindow === 0) {
      this.violate(CONDITION.windowViolation, 'a transfer came while the incoming window was closed');
      return;
    }
    this.#incomingWindow -= 1;
    this.#nextIncomingId = serialAdd(this.#nextIncomingId, 1);
    if (this.#incomingWindow * 2 < this.connection.incomingWindow) this.#enqueue();
    const link = this.#remoteHandles.get(fields.handle);
    if (link === undefined) {
      this.violate(CONDITION.unattachedHandle, `transfer names handle ${fields.handle}, which is not attached`);
      return;
    }
    link.onTransfer(fields, buffer, start, end);
  }

  send<C extends Composite>(composite: C, value: Encodable<C>): void {
    this.connection.send(this.localChannel, composite, value);
  }

  /** A flow for the session and a link; it opens the incoming window again. */
  sendFlow(link?: LinkFlow): void {
    this.#incomingWindow = this.connection.incomingWindow;
    const flow: SessionFlow = {
      nextIncomingId: this.remoteChannel < 0 ? ABSENT : this.#nextIncomingId,
      incomingWindow: this.#incomingWindow,
      nextOutgoingId: this.outgoing.nextOutgoingId,
      outgoingWindow: OUTGOING_WINDOW,
    };
    writeFlow(this.connection.output, this.localChannel, flow, link);
    this.connection.touch();
  }

  /** Gives the link a handle of ours; false when the peer's handle-max allows none. */
  takeHandle(link: Link): boolean {
    const taken = this.#localHandles.create((handle) => {
      link.localHandle = handle;
      return link;
    });
    return taken !== undefined;
  }

  sendAttach(attach: Encodable<typeof ATTACH>): void {
    this.send(ATTACH, { ...attach, properties: attach.properties ?? NO_FIELDS });
  }

  /** Both sides have detached: the handles are free. */
  release(link: Link): void {
    if (link.localHandle >= 0) this.#localHandles.remove(link.localHandle);
    if (link.remoteHandle >= 0) this.#remoteHandles.delete(link.remoteHandle);
  }

  /** Notes a disposition; it leaves with the next output, in a range if others continue it. */
  dispose(role: boolean, id: SerialNumber, settled: boolean, state: DeliveryState | undefined): void {
    const run = this.#dispositions[role ? 1 : 0];
    if (!run.add(id, settled, state)) {
      this.#flushRun(run);
      run.add(id, settled, state);
    }
    this.#enqueue();
  }

  /** Notes that the link's credit has changed; one flow tells of it with the next output. */
  queueFlow(link: Link): void {
    this.#flows.push(link);
    this.#enqueue();
  }

  #enqueue(): void {
    if (this.#queued) return;
    this.#queued = true;
    this.connection.enqueue(this);
  }

  /** Dispositions that must not be overtaken by what is sent next. */
  flushDispositions(): void {
    for (const run of this.#dispositions) if (!run.empty) this.#flushRun(run);
  }

  #flushRun(run: DispositionRun): void {
    run.empty = true;
    writeDisposition(this.connection.output, this.localChannel, run.role, run.first, run.last, run.settled, run.state);
  }

  #flushAll(): void {
    this.flush();
    this.#queued = true;
  }

  /** Writes what was gathered in this turn. */
  flush(): void {
    this.#queued = false;
    if (!this.open) return;
    this.flushDispositions();
    const flows = this.#flows;
    this.#flows = [];
    for (const link of flows) link.flushFlow();
    if (this.#incomingWindow * 2 < this.connection.incomingWindow) this.sendFlow();
  }
}
