import { writeComposite } from './composite-codec.ts';
import { TRANSFER } from './composites.ts';
import { CONDITION } from './conditions.ts';
import type { OutgoingDelivery, OutgoingMessage } from './delivery.ts';
import { ABSENT } from './fields-in-place.ts';
import { Fifo } from './fifo.ts';
import { FRAME_HEADER_BYTES, FRAME_TYPE } from './frame-reader.ts';
import type { Link } from './link.ts';
import { serialAdd, serialDistance, type SerialNumber } from './serial-number.ts';
import type { Session } from './session.ts';
import { finishTransfer, TRANSFER_HEAD_BYTES, writeTransfer } from './transfer-frame.ts';
import { ONE_VALUE_BYTES, Writer } from './writer.ts';

/** A delivery with frames that have not left yet. */
export class WaitingDelivery {
  readonly delivery: OutgoingDelivery;
  readonly message: OutgoingMessage;
  /** Bytes that have not left, and where they begin. */
  left: number;
  piece = 0;
  offset = 0;

  constructor(delivery: OutgoingDelivery, message: OutgoingMessage) {
    this.delivery = delivery;
    this.message = message;
    this.left = 0;
    for (const piece of message.payload) this.left += piece.length;
  }

  get started(): boolean {
    return this.delivery.id >= 0;
  }
}

/** The sending half of a session: cuts deliveries into transfer frames and holds what the peer's window does not allow (2.5.6). */
export class OutgoingTransfers {
  readonly #session: Session;
  nextOutgoingId: SerialNumber = 0;
  /** Transfer frames that the peer still takes. */
  window = 0;
  #nextDeliveryId: SerialNumber = 0;
  /** Links with waiting deliveries; they take turns. */
  readonly #backlog = new Fifo<Link>();

  constructor(session: Session) {
    this.#session = session;
  }

  /** Recomputes the window from a flow or begin of the peer; `nextIncomingId` is `ABSENT` before it has seen our begin. */
  onWindow(nextIncomingId: number, incomingWindow: number): void {
    const base = nextIncomingId === ABSENT ? 0 : nextIncomingId;
    this.window = Math.max(0, serialDistance(this.nextOutgoingId, base) + incomingWindow);
  }

  send(link: Link, delivery: OutgoingDelivery, message: OutgoingMessage): void {
    const waiting = new WaitingDelivery(delivery, message);
    if (link.waiting.length === 0 && this.#write(link, waiting)) return;
    link.waiting.push(waiting);
    if (link.waiting.length === 1) this.#backlog.push(link);
  }

  /** Sends what waits, a delivery of each link in turn, as far as the window and the links' credit allow. */
  pump(): void {
    let idle = 0;
    while (this.window > 0 && idle < this.#backlog.length) {
      const link = this.#backlog.shift() as Link;
      const waiting = link.waiting.peek();
      if (waiting === undefined) continue;
      const mayLeave = waiting.started || link.mayStart;
      const left = mayLeave && this.#write(link, waiting);
      if (left) link.waiting.shift();
      if (link.waiting.length > 0) this.#backlog.push(link);
      if (left) link.onLeft();
      idle = mayLeave ? 0 : idle + 1;
    }
  }

  /** Writes the frames that the window allows; true when the last one is among them. */
  #write(link: Link, waiting: WaitingDelivery): boolean {
    const { delivery, message } = waiting;
    while (this.window > 0) {
      const first = delivery.id < 0;
      if (first) {
        delivery.id = this.#nextDeliveryId;
        this.#nextDeliveryId = serialAdd(delivery.id, 1);
        if (!delivery.settled) this.#session.unsettled.addOutgoing(delivery);
      }
      const more =
        first && message.state !== undefined
          ? this.#writeStateful(link, waiting)
          : this.#writePlain(link, waiting, first);
      this.window -= 1;
      this.nextOutgoingId = serialAdd(this.nextOutgoingId, 1);
      if (!more) return true;
    }
    return false;
  }

  /** One frame without a state; true when more follow. */
  #writePlain(link: Link, waiting: WaitingDelivery, first: boolean): boolean {
    const { connection, localChannel } = this.#session;
    const { output } = connection;
    const { delivery, message } = waiting;
    const room = connection.remoteMaxFrameSize - TRANSFER_HEAD_BYTES;
    const more = waiting.left > room;
    const size = more ? room : waiting.left;
    const start = output.reserve(TRANSFER_HEAD_BYTES);
    const { slab } = output;
    const at = writeTransfer(
      slab,
      start,
      link.localHandle,
      // Only the first frame says which delivery it is: the Python client takes any frame that does for a first one,
      // and then has no delivery tag to settle by (2.7.5 allows both).
      first ? delivery.id : ABSENT,
      first ? delivery.tag : undefined,
      first ? (message.messageFormat ?? 0) : ABSENT,
      delivery.settled,
      more,
    );
    finishTransfer(slab, start, at - start + size, localChannel);
    output.commit(at);
    this.#appendPayload(waiting, size);
    connection.touch();
    return more;
  }

  /** The first frame of a delivery with a state, by the table; true when more follow. */
  #writeStateful(link: Link, waiting: WaitingDelivery): boolean {
    const { connection, localChannel } = this.#session;
    const { delivery, message } = waiting;
    const encode = (more: boolean): Buffer => {
      const writer = new Writer(ONE_VALUE_BYTES);
      writeComposite(writer, TRANSFER, {
        handle: link.localHandle,
        deliveryId: delivery.id,
        deliveryTag: delivery.tag,
        messageFormat: message.messageFormat ?? 0,
        settled: delivery.settled,
        more,
        state: message.state,
      });
      return writer.take();
    };
    const room = connection.remoteMaxFrameSize - FRAME_HEADER_BYTES - encode(true).length;
    if (room < 0) {
      connection.fail(
        CONDITION.frameSizeTooSmall,
        `a transfer with its state needs ${-room} bytes more than a frame has`,
      );
      return false;
    }
    const more = waiting.left > room;
    const size = more ? room : waiting.left;
    connection.output.frame(FRAME_TYPE.amqp, localChannel, encode(more), size);
    this.#appendPayload(waiting, size);
    connection.touch();
    return more;
  }

  #appendPayload(waiting: WaitingDelivery, size: number): void {
    const { output } = this.#session.connection;
    const { payload } = waiting.message;
    waiting.left -= size;
    let left = size;
    while (left > 0) {
      const piece = payload[waiting.piece] as Buffer;
      const { offset } = waiting;
      const end = Math.min(piece.length, offset + left);
      output.append(offset === 0 && end === piece.length ? piece : piece.subarray(offset, end));
      left -= end - offset;
      if (end === piece.length) {
        waiting.piece += 1;
        waiting.offset = 0;
      } else waiting.offset = end;
    }
  }
}
