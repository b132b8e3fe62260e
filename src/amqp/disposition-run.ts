import type { DeliveryState } from './composites.ts';
import { serialAdd, type SerialNumber } from './serial-number.ts';

/** Dispositions of consecutive deliveries with an equal state, gathered so that they leave as one. */
export class DispositionRun {
  /** True when we are the receiver of the deliveries. */
  readonly role: boolean;
  empty = true;
  first: SerialNumber = 0;
  last: SerialNumber = 0;
  settled = false;
  state: DeliveryState | undefined;

  constructor(role: boolean) {
    this.role = role;
  }

  /** Takes one more; false when it does not continue the run, which must then be sent first. */
  add(id: SerialNumber, settled: boolean, state: DeliveryState | undefined): boolean {
    if (this.empty) {
      this.empty = false;
      this.first = id;
      this.settled = settled;
      this.state = state;
    } else if (id !== serialAdd(this.last, 1) || settled !== this.settled || !equalStates(state, this.state))
      return false;
    this.last = id;
    return true;
  }
}

/** Whether two states are the same on the wire; states with maps or binary in them count as different. */
function equalStates(a: DeliveryState | undefined, b: DeliveryState | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  if (a.kind === 'modified' && b.kind === 'modified') {
    return (
      a.deliveryFailed === b.deliveryFailed &&
      a.undeliverableHere === b.undeliverableHere &&
      a.messageAnnotations === b.messageAnnotations
    );
  }
  if (a.kind === 'rejected' && b.kind === 'rejected') return a.error === b.error;
  return a.kind === b.kind && (a.kind === 'accepted' || a.kind === 'released');
}
