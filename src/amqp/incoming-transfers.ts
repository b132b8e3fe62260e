import { CONDITION } from './conditions.ts';
import { IncomingDelivery } from './delivery.ts';
import { ABSENT } from './fields-in-place.ts';
import { LIMITS } from './limits.ts';
import type { Link } from './link.ts';
import { PartialDelivery } from './partial-delivery.ts';
import type { TransferFields } from './transfer-frame.ts';

/** The receiving half of a link: checks transfers and puts deliveries of several frames together (2.6.14, 2.7.5). */
export class IncomingTransfers {
  readonly #link: Link;
  #partial: PartialDelivery | undefined = undefined;

  constructor(link: Link) {
    this.#link = link;
  }

  onTransfer(fields: TransferFields, buffer: Buffer, start: number, end: number): void {
    const partial = this.#partial;
    if (partial !== undefined) this.#continue(partial, fields, buffer.subarray(start, end));
    else if (this.#mayBegin(fields)) this.#begin(fields, buffer.subarray(start, end));
  }

  /** Forgets a delivery of which frames are still to come. */
  drop(): void {
    this.#hold(undefined);
  }

  /** Checks the first transfer of a delivery; a violation detaches the link. */
  #mayBegin(fields: TransferFields): boolean {
    const link = this.#link;
    const { deliveryId, deliveryTag } = fields;
    if (!link.countDelivery()) {
      link.violate(CONDITION.transferLimitExceeded, 'a transfer came without credit');
    } else if (fields.resume) {
      link.violate(CONDITION.notImplemented, 'deliveries cannot be resumed');
    } else if (deliveryId === ABSENT || deliveryTag === undefined) {
      link.violate(CONDITION.invalidField, 'the first transfer of a delivery lacks its delivery-id or delivery-tag');
    } else if (deliveryTag.length > LIMITS.deliveryTagBytes) {
      const limit = LIMITS.deliveryTagBytes;
      link.violate(
        CONDITION.invalidField,
        `a delivery-tag has ${deliveryTag.length} bytes, at most ${limit} are allowed`,
      );
    } else if (link.session.unsettled.incoming.has(deliveryId)) {
      link.violate(CONDITION.illegalState, `delivery-id ${deliveryId} belongs to a delivery that is not settled`);
    } else if (link.unsettled >= link.session.connection.maxUnsettled) {
      link.violate(CONDITION.resourceLimitExceeded, `${link.unsettled} deliveries are not settled`);
    } else return true;
    return false;
  }

  #begin(fields: TransferFields, payload: Buffer): void {
    if (fields.aborted) return;
    const delivery = new IncomingDelivery(
      this.#link,
      fields.deliveryId,
      fields.deliveryTag as Buffer,
      fields.messageFormat === ABSENT ? 0 : fields.messageFormat,
      fields.settled === true,
      fields.state,
    );
    if (fields.more) {
      const partial = new PartialDelivery(delivery, this.#maxBytes);
      this.#hold(partial);
      this.#append(partial, payload);
      return;
    }
    if (payload.length > this.#maxBytes) delivery.oversize = true;
    else delivery.payload = payload;
    this.#deliver(delivery);
  }

  #continue(partial: PartialDelivery, fields: TransferFields, payload: Buffer): void {
    const { delivery } = partial;
    if (fields.deliveryId !== ABSENT && fields.deliveryId !== delivery.id) {
      const message = `delivery ${fields.deliveryId} came before delivery ${delivery.id} was complete`;
      this.#link.violate(CONDITION.illegalState, message);
      return;
    }
    if (fields.settled === true) delivery.settled = true;
    if (fields.state !== undefined) delivery.state = fields.state;
    if (fields.aborted) {
      this.#hold(undefined);
      return;
    }
    this.#append(partial, payload);
    if (fields.more) return;
    partial.finish();
    this.#hold(undefined);
    this.#deliver(delivery);
  }

  #deliver(delivery: IncomingDelivery): void {
    const { session } = this.#link;
    if (!delivery.settled) session.unsettled.addIncoming(delivery);
    session.connection.handler.onTransfer(this.#link, delivery);
  }

  get #maxBytes(): number {
    const { maxMessageSizeBytes } = this.#link.session.connection;
    const { maxMessageSize } = this.#link;
    return maxMessageSize > 0 ? Math.min(maxMessageSize, maxMessageSizeBytes) : maxMessageSizeBytes;
  }

  #append(partial: PartialDelivery, payload: Buffer): void {
    const before = partial.heldBytes;
    partial.append(payload);
    this.#link.session.connection.holdPartial(partial.heldBytes - before);
  }

  #hold(partial: PartialDelivery | undefined): void {
    if (this.#partial !== undefined) this.#link.session.connection.holdPartial(-this.#partial.heldBytes);
    this.#partial = partial;
  }
}
