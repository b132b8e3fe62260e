import { readDescriptor, readFields, writeComposite } from './composite-codec.ts';
import * as tables from './composites.ts';
import type { Composite, Encodable } from './composites.ts';
import { CONDITION } from './conditions.ts';
import type { ClientSasl, ConnectionOptions, SaslMechanism, ServerSasl } from './connection-options.ts';
import { hexCode, Reader } from './decoder.ts';
import { FRAME_TYPE, type FrameReader } from './frame-reader.ts';
import { LIMITS } from './limits.ts';
import type { Output } from './output.ts';
import { ProtocolError } from './protocol-error.ts';
import { initialResponse, SASL_CODE } from './sasl.ts';
import { ONE_VALUE_BYTES, Writer } from './writer.ts';

const AMQP_HEADER = Buffer.from('AMQP\0\x01\0\0', 'latin1');
const SASL_HEADER = Buffer.from('AMQP\x03\x01\0\0', 'latin1');

/**
 * The dialog before the first AMQP frame (2.2, 5.3).
 *
 * A server waits for a header. The SASL header is answered with its own header and the mechanisms, the next frame must be the
 * client's sasl-init, the outcome follows, and the client begins anew with the AMQP header. The AMQP header is answered and ends
 * the dialog. A client sends the header that it wants, answers the mechanisms with its sasl-init and a good outcome with the
 * AMQP header, and is done when that comes back.
 */
type Phase = 'any-header' | 'sasl-header' | 'sasl-mechanisms' | 'sasl-init' | 'sasl-outcome' | 'amqp-header' | 'done';

export class Handshake {
  readonly #options: ConnectionOptions;
  readonly #output: Output;
  #phase: Phase;

  constructor(options: ConnectionOptions, output: Output) {
    this.#options = options;
    this.#output = output;
    if (options.role === 'server') this.#phase = 'any-header';
    else this.#phase = options.sasl ? 'sasl-header' : 'amqp-header';
  }

  /** Client: sends the first header. */
  start(): void {
    if (this.#phase === 'sasl-header') this.#output.append(SASL_HEADER);
    else if (this.#phase === 'amqp-header') this.#output.append(AMQP_HEADER);
  }

  /**
   * Takes what has come as far as it goes; true when AMQP frames follow. Throws `ProtocolError`: the transport is then to be
   * closed when the output is written, as no close can be sent (2.4.7).
   */
  advance(frames: FrameReader): boolean {
    while (this.#phase !== 'done') {
      if (this.#phase.endsWith('header')) {
        if (!frames.nextHeader()) return false;
        this.#onHeader(frames.buffer.subarray(frames.bodyStart, frames.bodyEnd));
      } else {
        frames.maxFrameSizeBytes = LIMITS.saslFrameBytes;
        if (!frames.next()) return false;
        this.#onFrame(frames);
      }
    }
    return true;
  }

  #onHeader(header: Buffer): void {
    const { role, sasl, allowPlainHeader = false } = this.#options;
    const isSasl = header.equals(SASL_HEADER);
    const isAmqp = header.equals(AMQP_HEADER);
    if (this.#phase === 'any-header' && isSasl && sasl?.role === 'server') {
      this.#output.append(SASL_HEADER);
      this.#sendSasl(tables.SASL_MECHANISMS, { saslServerMechanisms: sasl.mechanisms });
      this.#phase = 'sasl-init';
    } else if (this.#phase === 'any-header' && isAmqp && (!sasl || allowPlainHeader)) this.#finish();
    else if (this.#phase === 'sasl-header' && isSasl) this.#phase = 'sasl-mechanisms';
    else if (this.#phase === 'amqp-header' && isAmqp) this.#finish();
    else {
      // A server answers with the header that it does support, then the connection ends (2.2).
      if (role === 'server') this.#output.append(this.#phase === 'any-header' && sasl ? SASL_HEADER : AMQP_HEADER);
      throw new ProtocolError(
        CONDITION.framingError,
        `the protocol header ${header.toString('hex')} is not expected here`,
      );
    }
  }

  #finish(): void {
    if (this.#options.role === 'server') this.#output.append(AMQP_HEADER);
    this.#phase = 'done';
  }

  #onFrame(frames: FrameReader): void {
    if (frames.type !== FRAME_TYPE.sasl) {
      throw new ProtocolError(CONDITION.framingError, `a frame of type ${frames.type} came in the SASL dialog`);
    }
    const reader = new Reader(frames.buffer, frames.bodyStart, frames.bodyEnd);
    const code = readDescriptor(reader);
    const { sasl } = this.#options;
    if (this.#phase === 'sasl-init' && code === tables.SASL_INIT.code && sasl?.role === 'server') {
      this.#onInit(reader, sasl);
    } else if (this.#phase === 'sasl-mechanisms' && code === tables.SASL_MECHANISMS.code && sasl?.role === 'client') {
      this.#onMechanisms(reader, sasl);
    } else if (this.#phase === 'sasl-outcome' && code === tables.SASL_OUTCOME.code) this.#onOutcome(reader);
    else throw new ProtocolError(CONDITION.illegalState, `SASL frame ${hexCode(code)} is not expected here`);
  }

  #onInit(reader: Reader, sasl: ServerSasl): void {
    const init = readFields(reader, tables.SASL_INIT);
    const mechanism = init.mechanism as SaslMechanism;
    const good =
      sasl.mechanisms.includes(mechanism) &&
      sasl.authenticate(mechanism, init.initialResponse ?? Buffer.alloc(0), init.hostname);
    this.#sendSasl(tables.SASL_OUTCOME, { code: good ? SASL_CODE.ok : SASL_CODE.auth });
    if (!good) {
      throw new ProtocolError(
        CONDITION.unauthorizedAccess,
        `SASL ${mechanism.slice(0, 32)} did not authenticate the peer`,
      );
    }
    this.#phase = 'amqp-header';
  }

  #onMechanisms(reader: Reader, sasl: ClientSasl): void {
    const offered = readFields(reader, tables.SASL_MECHANISMS).saslServerMechanisms;
    if (!offered.includes(sasl.mechanism)) {
      throw new ProtocolError(
        CONDITION.unauthorizedAccess,
        `the peer offers SASL ${offered.join(', ')}, but not ${sasl.mechanism}`,
      );
    }
    this.#sendSasl(tables.SASL_INIT, {
      mechanism: sasl.mechanism,
      initialResponse: initialResponse(sasl),
      hostname: this.#options.hostname,
    });
    this.#phase = 'sasl-outcome';
  }

  #onOutcome(reader: Reader): void {
    const { code } = readFields(reader, tables.SASL_OUTCOME);
    if (code !== SASL_CODE.ok) {
      throw new ProtocolError(CONDITION.unauthorizedAccess, `the peer refused SASL authentication with code ${code}`);
    }
    this.#output.append(AMQP_HEADER);
    this.#phase = 'amqp-header';
  }

  #sendSasl<C extends Composite>(composite: C, value: Encodable<C>): void {
    const writer = new Writer(ONE_VALUE_BYTES);
    writeComposite(writer, composite, value);
    this.#output.frame(FRAME_TYPE.sasl, 0, writer.take());
  }
}
