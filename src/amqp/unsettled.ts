import type { DeliveryState } from './composites.ts';
import { CONDITION } from './conditions.ts';
import type { IncomingDelivery, OutgoingDelivery } from './delivery.ts';
import type { DispositionFields } from './disposition-frame.ts';
import type { Link } from './link.ts';
import { serialAdd, serialDistance, type SerialNumber } from './serial-number.ts';
import type { Session } from './session.ts';

/** The deliveries of a session that are not settled, by delivery id, and what the peer's dispositions do to them (2.7.6). */
export class Unsettled {
  readonly #session: Session;
  readonly incoming = new Map<SerialNumber, IncomingDelivery>();
  readonly outgoing = new Map<SerialNumber, OutgoingDelivery>();

  constructor(session: Session) {
    this.#session = session;
  }

  addIncoming(delivery: IncomingDelivery): void {
    this.incoming.set(delivery.id, delivery);
    delivery.link.unsettled += 1;
  }

  addOutgoing(delivery: OutgoingDelivery): void {
    this.outgoing.set(delivery.id, delivery);
  }

  /** Takes out a delivery that is settled; false when it was settled before. */
  settleIncoming(delivery: IncomingDelivery): boolean {
    delivery.settled = true;
    if (!this.incoming.delete(delivery.id)) return false;
    delivery.link.unsettled -= 1;
    return true;
  }

  settleOutgoing(delivery: OutgoingDelivery): boolean {
    delivery.settled = true;
    if (!this.outgoing.delete(delivery.id)) return false;
    delivery.link.unsettled -= 1;
    return true;
  }

  /** Forgets the deliveries of a link that is gone. */
  dropLink(link: Link): void {
    if (link.unsettled === 0) return;
    const deliveries = link.role === 'sender' ? this.outgoing : this.incoming;
    for (const [id, delivery] of deliveries) if (delivery.link === link) deliveries.delete(id);
    link.unsettled = 0;
  }

  clear(): void {
    this.incoming.clear();
    this.outgoing.clear();
  }

  onDisposition(fields: DispositionFields): void {
    const { role, first, last, settled, state } = fields;
    const span = serialDistance(first, last);
    if (span < 0) {
      this.#session.violate(CONDITION.invalidField, `a disposition goes from delivery ${first} back to ${last}`);
      return;
    }
    const deliveries = role ? this.outgoing : this.incoming;
    if (span <= deliveries.size) {
      for (let id = first, left = span; left >= 0; left -= 1, id = serialAdd(id, 1))
        this.#dispose(role, id, settled, state);
      return;
    }
    // The range is longer than all that is unsettled: walk over that instead. Ids were added in the order of the wire.
    const ids = [...deliveries.keys()].filter((id) => serialDistance(first, id) >= 0 && serialDistance(id, last) >= 0);
    for (const id of ids) this.#dispose(role, id, settled, state);
  }

  #dispose(role: boolean, id: SerialNumber, settled: boolean, state: DeliveryState | undefined): void {
    if (role) this.#disposeOutgoing(id, settled, state);
    else this.#disposeIncoming(id, settled, state);
  }

  #disposeOutgoing(id: SerialNumber, settled: boolean, state: DeliveryState | undefined): void {
    const delivery = this.outgoing.get(id);
    if (delivery === undefined) return;
    const { link } = delivery;
    const { handler, maxUnsettled } = this.#session.connection;
    if (state !== undefined) delivery.state = state;
    const wasFull = settled && link.unsettled >= maxUnsettled;
    if (settled) this.settleOutgoing(delivery);
    handler.onDisposition(link, delivery, state, settled);
    if (wasFull && link.attached) handler.onFlow(link);
  }

  #disposeIncoming(id: SerialNumber, settled: boolean, state: DeliveryState | undefined): void {
    const delivery = this.incoming.get(id);
    if (delivery === undefined) return;
    if (state !== undefined) delivery.state = state;
    if (settled) this.settleIncoming(delivery);
    this.#session.connection.handler.onSettled(delivery.link, delivery, state, settled);
  }
}
