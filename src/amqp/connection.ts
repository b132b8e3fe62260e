import { RetrainError } from '../errors.ts';
import { readDescriptor, readFields, writeComposite } from './composite-codec.ts';
import * as tables from './composites.ts';
import type { AmqpError, Composite, Encodable, Open } from './composites.ts';
import { CONDITION } from './conditions.ts';
import {
  limitsOf,
  ourOpen,
  type ConnectionHandler,
  type ConnectionLimits,
  type ConnectionOptions,
} from './connection-options.ts';
import { hexCode, Reader } from './decoder.ts';
import { FRAME_HEADER_BYTES, FRAME_TYPE, FrameReader } from './frame-reader.ts';
import { HandlerGuard } from './handler-guard.ts';
import { Handshake } from './handshake.ts';
import { IdleWatch } from './idle-watch.ts';
import { LIMITS } from './limits.ts';
import { LinkNames } from './link-names.ts';
import { Output } from './output.ts';
import { described, ownError, ProtocolError } from './protocol-error.ts';
import { Session, type SessionOptions } from './session.ts';
import { SessionFrames } from './session-frames.ts';
import { SlotTable } from './slot-table.ts';
import { Writer } from './writer.ts';

/**
 * handshake: headers and SASL (see handshake.ts). opening: AMQP frames may come, the first must be open. open: the peer's open
 * has come. closing: our close has gone out, only the peer's close is still taken. closed: over, `onClose` was called.
 */
type State = 'handshake' | 'opening' | 'open' | 'closing' | 'closed';

/** One AMQP connection, of either role: bytes and "now" in, bytes and handler calls out. Times are monotonic, in milliseconds. */
export class Connection {
  readonly options: ConnectionOptions;
  /** The owner's handler behind a guard. */
  readonly handler: HandlerGuard;
  /** For the owner. */
  context: unknown = undefined;

  // What follows up to the constructor is for the engine.
  readonly output = new Output();
  readonly incomingWindow: number;
  readonly handleMax: number;
  readonly maxUnsettled: number;
  readonly maxMessageSizeBytes: number;
  /** The largest frame that we send: the peer's maximum or ours, whichever is smaller. */
  remoteMaxFrameSize: number = LIMITS.minMaxFrameSizeBytes;

  #limits: ConnectionLimits;
  readonly #frames: FrameReader;
  readonly #handshake: Handshake;
  readonly #watch: IdleWatch;
  readonly #reader = new Reader(Buffer.alloc(0));
  readonly #writer = new Writer();
  readonly #sessionFrames = new SessionFrames();
  #state: State = 'handshake';
  #openSent = false;
  #remoteOpen: Open | undefined = undefined;
  /** Sessions by the channel on which we send, and by the one on which the peer does. */
  readonly #local: SlotTable<Session>;
  readonly #remote = new Map<number, Session>();
  /** Links that are attached or about to be. */
  readonly linkNames: LinkNames;
  /** Sessions with gathered dispositions or flows. */
  #queue: Session[] = [];
  #partialBytes = 0;
  #failure: AmqpError | undefined = undefined;
  #announced = false;
  #blocked = false;

  constructor(options: ConnectionOptions, handler: ConnectionHandler) {
    this.options = options;
    this.handler = new HandlerGuard(handler);
    const limits = limitsOf(options);
    this.#limits = limits;
    this.incomingWindow = limits.incomingWindow;
    this.handleMax = limits.handleMax;
    this.maxUnsettled = limits.maxUnsettled;
    this.maxMessageSizeBytes = limits.maxMessageSizeBytes;
    this.#frames = new FrameReader(limits.maxFrameSizeBytes);
    this.#handshake = new Handshake(options, this.output);
    this.#watch = new IdleWatch(limits.idleTimeoutMs);
    this.#local = new SlotTable(limits.channelMax);
    this.linkNames = new LinkNames(limits.maxLinks);
  }

  /** Begins: a client sends its header, for both the time to shake hands runs. */
  start(nowMs: number): void {
    this.#watch.start(nowMs);
    this.#handshake.start();
    this.touch();
  }

  /** Takes bytes of the peer. Never throws. May keep views of `chunk`, which must not change afterwards. */
  receive(chunk: Buffer, nowMs: number): void {
    if (this.#state === 'closed') return;
    this.#watch.input(nowMs);
    try {
      this.#frames.push(chunk);
      if (this.#state === 'handshake' && !this.#shakeHands()) return;
      while (!this.closed && this.#frames.next()) {
        this.#onFrame();
        if (this.#failure) this.#failNow(this.#failure);
      }
    } catch (cause) {
      this.#caught(cause);
    }
  }

  /** Heartbeats, idle time-out, time to shake hands. Returns the time of the next call, or undefined when none is needed. */
  tick(nowMs: number): number | undefined {
    if (this.#state === 'closed') return undefined;
    try {
      this.#onTime(nowMs);
    } catch (cause) {
      this.#caught(cause);
    }
    return this.closed ? undefined : this.#watch.nextMs;
  }

  #onTime(nowMs: number): void {
    if (this.#failure) this.#failNow(this.#failure);
    switch (this.#watch.due(nowMs)) {
      case 'heartbeat':
        // Output that waits to be taken shows the same as an empty frame.
        if (this.output.bytes === 0) this.output.frame(FRAME_TYPE.amqp, 0, Buffer.alloc(0));
        this.#watch.output();
        this.touch();
        break;
      case 'peer-silent':
        this.#failNow(ownError(CONDITION.connectionForced, 'the peer was silent for longer than the idle time-out'));
        break;
      case 'handshake-late':
        this.#failNow(ownError(CONDITION.connectionForced, `the peer sent no open within ${LIMITS.handshakeMs} ms`));
        break;
      case 'close-late':
        this.#finish(ownError(CONDITION.connectionForced, `the peer did not answer close within ${LIMITS.closeMs} ms`));
        break;
      case 'nothing':
    }
  }

  /** Everything that is to be written, in order: small frames together, large payloads as they were given. */
  takeOutput(): Buffer[] {
    this.#flush();
    const failure = this.#failure;
    if (failure && !this.closed) this.#guard(() => this.#failNow(failure));
    this.#announced = false;
    if (this.output.bytes > 0) this.#watch.output();
    const pieces = this.output.take();
    if (this.#blocked && !this.closed) {
      this.#blocked = false;
      try {
        this.handler.onWritable();
      } catch (cause) {
        this.#caught(cause);
      }
    }
    return pieces;
  }

  /** The transport is gone: reports `onClose` if that has not happened. */
  disconnected(): void {
    this.#finish(ownError(CONDITION.connectionForced, 'the transport was closed'));
  }

  /** Bytes of output that nobody took. */
  get pendingOutputBytes(): number {
    return this.output.bytes;
  }

  /** Less than `highWaterBytes` of output wait; senders with much to say stop when it is false and go on at `onWritable`. */
  get writable(): boolean {
    return !this.#blocked;
  }

  /** No more input is taken and `onClose` was called; output may still wait. */
  get closed(): boolean {
    return this.#state === 'closed';
  }

  /** The peer's open, once it has come. */
  get remoteOpen(): Open | undefined {
    return this.#remoteOpen;
  }

  /** The sessions, also those whose begin or end is not answered yet. */
  get sessions(): Iterable<Session> {
    return this.#local.values();
  }

  /** Begins a session; `onBegin` tells of the answer. Throws `ARGUMENT_INVALID` before the peer's open and without a free channel. */
  openSession(options: SessionOptions = {}): Session {
    if (this.#state !== 'open')
      throw new RetrainError('ARGUMENT_INVALID', 'the connection is not open: wait for onOpen');
    const session = this.#newSession();
    if (!session) {
      throw new RetrainError(
        'ARGUMENT_INVALID',
        `channel-max ${this.#local.max} allows no further session: end one first`,
      );
    }
    session.begin(options.properties);
    return session;
  }

  /** Other limits than the options gave, for an owner that trusts its peer from now on. */
  limitMemory(limits: Pick<ConnectionLimits, 'maxSessions' | 'maxLinks' | 'maxPartialBytes'>): void {
    this.#limits = { ...this.#limits, ...limits };
    this.linkNames.max = limits.maxLinks;
  }

  /** Sends close; `onClose` follows with the peer's answer. Before open it ends the connection at once. */
  close(error?: AmqpError): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    if (this.#state === 'handshake') {
      this.#finish(error);
      return;
    }
    this.#sendClose(error);
    this.#watch.closing();
    this.#state = 'closing';
  }

  #shakeHands(): boolean {
    const done = this.#handshake.advance(this.#frames);
    this.touch();
    if (!done) return false;
    this.#frames.maxFrameSizeBytes = this.#limits.maxFrameSizeBytes;
    this.#state = 'opening';
    if (this.options.role === 'client') this.#sendOpen();
    return true;
  }

  #caught(cause: unknown): void {
    if (cause instanceof ProtocolError && cause !== this.handler.fault) {
      this.#guard(() => this.#failNow(ownError(cause.condition, cause.message)));
      return;
    }
    this.#guard(() => this.handler.onFault(cause));
    this.#guard(() => this.#failNow(ownError(CONDITION.internalError, 'an internal error occurred')));
  }

  /** Calls back at a place where an exception has nowhere to go: the connection ends as it is. */
  #guard(call: () => void): void {
    try {
      call();
    } catch {
      this.#state = 'closed';
    }
  }

  #onFrame(): void {
    const frames = this.#frames;
    if (frames.type !== FRAME_TYPE.amqp) {
      throw new ProtocolError(CONDITION.framingError, `a frame has the type ${frames.type}, which is not AMQP's`);
    }
    if (frames.channel > this.#limits.channelMax) {
      const message = `channel ${frames.channel} is over the channel-max of ${this.#limits.channelMax}`;
      throw new ProtocolError(CONDITION.framingError, message);
    }
    if (frames.bodyStart === frames.bodyEnd) return;
    const reader = this.#reader;
    reader.reset(frames.buffer, frames.bodyStart, frames.bodyEnd);
    const code = readDescriptor(reader);
    if (this.#state === 'closing' && code !== tables.CLOSE.code) return;
    if (this.#state === 'opening' && code !== tables.OPEN.code && code !== tables.CLOSE.code) {
      throw new ProtocolError(CONDITION.illegalState, `performative ${hexCode(code)} came before open`);
    }
    switch (code) {
      case tables.OPEN.code:
        this.#onOpen(readFields(reader, tables.OPEN));
        break;
      case tables.BEGIN.code:
        this.#onBegin(readFields(reader, tables.BEGIN), frames.channel);
        break;
      case tables.CLOSE.code:
        this.#onClose(readFields(reader, tables.CLOSE).error);
        break;
      default:
        this.#onSessionFrame(code, frames.channel);
    }
  }

  #onSessionFrame(code: number, channel: number): void {
    const session = this.#remote.get(channel);
    if (session === undefined) {
      throw new ProtocolError(
        CONDITION.illegalState,
        `performative ${hexCode(code)} came on channel ${channel}, which has no session`,
      );
    }
    const reader = this.#reader;
    if (code === tables.END.code) {
      const { error } = readFields(reader, tables.END);
      this.#remote.delete(channel);
      this.#local.remove(session.localChannel);
      session.onEnd(error);
      return;
    }
    if (session.open) this.#sessionFrames.dispatch(session, code, reader);
  }

  #onOpen(open: Open): void {
    if (this.#state !== 'opening') throw new ProtocolError(CONDITION.illegalState, 'open came twice');
    if (open.maxFrameSize < LIMITS.minMaxFrameSizeBytes) {
      throw new ProtocolError(CONDITION.invalidField, `max-frame-size ${open.maxFrameSize} is under 512`);
    }
    if (open.idleTimeOut && open.idleTimeOut < LIMITS.minIdleTimeoutMs) {
      const message = `idle-time-out ${open.idleTimeOut} ms is under the ${LIMITS.minIdleTimeoutMs} ms that are supported`;
      throw new ProtocolError(CONDITION.invalidField, message);
    }
    this.#remoteOpen = open;
    this.remoteMaxFrameSize = Math.min(open.maxFrameSize, this.#limits.maxFrameSizeBytes);
    this.#local.max = Math.min(open.channelMax, this.#limits.channelMax);
    this.#watch.opened(open.idleTimeOut);
    if (!this.#openSent) this.#sendOpen();
    this.#state = 'open';
    this.handler.onOpen(open);
  }

  #sendOpen(): void {
    this.#openSent = true;
    this.send(0, tables.OPEN, ourOpen(this.options, this.#limits));
  }

  #newSession(): Session | undefined {
    if (this.#local.size >= this.#limits.maxSessions) return undefined;
    return this.#local.create((channel) => new Session(this, channel));
  }

  #onBegin(begin: tables.Begin, channel: number): void {
    if (this.#remote.has(channel)) {
      throw new ProtocolError(CONDITION.illegalState, `begin came on channel ${channel}, which has a session`);
    }
    const answered = begin.remoteChannel !== undefined;
    const session = answered ? this.#local.get(begin.remoteChannel) : this.#newSession();
    if (session === undefined) {
      const [condition, text] = answered
        ? [CONDITION.illegalState, `begin answers channel ${begin.remoteChannel}, where no session was begun`]
        : [CONDITION.resourceLimitExceeded, `the connection has ${this.#remote.size} sessions, which is the limit`];
      throw new ProtocolError(condition, text);
    }
    this.#remote.set(channel, session);
    session.onBegin(begin, channel);
    if (!answered) session.begin(undefined, channel);
    this.handler.onBegin(session, begin);
  }

  #onClose(error: AmqpError | undefined): void {
    if (this.#state !== 'closing') this.#sendClose(undefined);
    this.#finish(error);
  }

  #sendClose(error: AmqpError | undefined): void {
    if (!this.#openSent) this.#sendOpen();
    this.#flush();
    if (!this.send(0, tables.CLOSE, { error }) && error) {
      this.send(0, tables.CLOSE, { error: { condition: error.condition.slice(0, LIMITS.errorDescriptionChars) } });
    }
  }

  /** The connection cannot go on. It ends when the call under way is done, so that no handler is called in the midst of it. */
  fail(condition: string, description: string): void {
    this.#failure ??= ownError(condition, description);
    this.#announce();
  }

  /** The connection is about to end: nothing more is worth sending. */
  get failing(): boolean {
    return this.#failure !== undefined;
  }

  /** Sends close, if the peer can understand one, and is closed. */
  #failNow(error: AmqpError): void {
    if (this.output.bytes > this.#limits.maxPendingOutputBytes) this.output.clear();
    if (this.#state === 'opening' || this.#state === 'open') this.#sendClose(described(error, this.options.describe));
    this.#finish(error);
  }

  #finish(error: AmqpError | undefined): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    for (const session of this.#local.values()) session.drop();
    this.linkNames.clear();
    this.#queue = [];
    this.#frames.clear();
    this.handler.onClose(error);
  }

  /** Appends a frame with this performative; false, and the connection fails, when the peer's frames are too small for it. */
  send<C extends Composite>(channel: number, composite: C, value: Encodable<C>): boolean {
    writeComposite(this.#writer, composite, value);
    const body = this.#writer.take();
    const limit = this.#remoteOpen ? this.remoteMaxFrameSize : this.#limits.maxFrameSizeBytes;
    if (body.length + FRAME_HEADER_BYTES > limit) {
      this.fail(
        CONDITION.frameSizeTooSmall,
        `${composite.symbol} of ${body.length} bytes does not fit a frame of ${limit}`,
      );
      return false;
    }
    this.output.frame(FRAME_TYPE.amqp, channel, body);
    this.touch();
    return true;
  }

  /** Output was added: announces it once, and ends a connection whose output is not taken. */
  touch(): void {
    const { bytes } = this.output;
    const { highWaterBytes, maxPendingOutputBytes: limit } = this.#limits;
    if (bytes >= highWaterBytes) this.#blocked = true;
    if (bytes > limit) this.fail(CONDITION.resourceLimitExceeded, `more than ${limit} bytes of output wait`);
    if (bytes > 0) this.#announce();
  }

  #announce(): void {
    if (this.#announced) return;
    this.#announced = true;
    this.handler.onOutput();
  }

  /** Asks for a `flush` of the session with the next output. */
  enqueue(session: Session): void {
    this.#queue.push(session);
    this.#announce();
  }

  #flush(): void {
    if (this.#queue.length === 0) return;
    const queue = this.#queue;
    this.#queue = [];
    for (const session of queue) session.flush();
  }

  /** Counts memory of messages of which frames are still to come. */
  holdPartial(bytes: number): void {
    this.#partialBytes += bytes;
    if (bytes > 0 && this.#partialBytes > this.#limits.maxPartialBytes) {
      throw new ProtocolError(
        CONDITION.resourceLimitExceeded,
        `messages in part hold more than ${this.#limits.maxPartialBytes} bytes`,
      );
    }
  }
}
