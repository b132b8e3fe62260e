import { RetrainError } from '../errors.ts';
import type { AmqpError, Open } from './composites.ts';
import type { ConnectionHandler, ConnectionOptions } from './connection-options.ts';
import type { Session, SessionOptions } from './session.ts';

/** One AMQP connection, of either role: bytes and "now" in, bytes and handler calls out. */
export class Connection {
  readonly options: ConnectionOptions;
  readonly handler: ConnectionHandler;
  /** For the owner. */
  context: unknown;

  constructor(options: ConnectionOptions, handler: ConnectionHandler) {
    this.options = options;
    this.handler = handler;
  }

  /** Begins: a client sends its header, for both the time to shake hands runs. `nowMs` is monotonic time, here and below. */
  start(_nowMs: number): void {
    throw new RetrainError('ARGUMENT_INVALID', 'not written yet');
  }

  /** Takes bytes of the peer. Never throws. May keep views of `chunk`, which must not change afterwards. */
  receive(_chunk: Buffer, _nowMs: number): void {
    throw new RetrainError('ARGUMENT_INVALID', 'not written yet');
  }

  /** Heartbeats, idle time-out, time to shake hands. Returns the time of the next call, or undefined when none is needed. */
  tick(_nowMs: number): number | undefined {
    throw new RetrainError('ARGUMENT_INVALID', 'not written yet');
  }

  /** Everything that is to be written, in order. */
  takeOutput(): Buffer[] {
    throw new RetrainError('ARGUMENT_INVALID', 'not written yet');
  }

  /** The transport is gone: reports `onClose` if that has not happened. */
  disconnected(): void {}

  /** Bytes of output that nobody took. */
  get pendingOutputBytes(): number {
    return 0;
  }

  /** Less than `highWaterBytes` of output wait; senders with much to say stop when it is false and go on at `onWritable`. */
  get writable(): boolean {
    return true;
  }

  /** No more input is taken and `onClose` was called; output may still wait. */
  get closed(): boolean {
    return false;
  }

  /** The peer's open, once it has come. */
  get remoteOpen(): Open | undefined {
    return undefined;
  }

  openSession(_options?: SessionOptions): Session {
    throw new RetrainError('ARGUMENT_INVALID', 'not written yet');
  }

  /** Sends close; `onClose` follows with the peer's answer. */
  close(_error?: AmqpError): void {}
}
