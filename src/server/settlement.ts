import { ACCEPTED, RELEASED } from '../amqp/index.ts';
import type { AmqpValue, DeliveryState } from '../amqp/index.ts';
import type { Outcome } from '../broker/index.ts';
import { mergeOverlay } from './overlay.ts';

/** Answers to a settlement: the same outcome type, without annotations and without error (service-bus-protocol.md §7). */
const ABANDONED: DeliveryState = Object.freeze({ kind: 'modified', undeliverableHere: false });
const DEFERRED: DeliveryState = Object.freeze({ kind: 'modified', undeliverableHere: true });
const DEAD_LETTERED: DeliveryState = Object.freeze({ kind: 'rejected' });

export const DEAD_LETTER_REASON = 'DeadLetterReason';
export const DEAD_LETTER_DESCRIPTION = 'DeadLetterErrorDescription';

/** A client's decision, and what it is answered with when it is durable. */
export interface Settlement {
  readonly outcome: Outcome;
  readonly echo: DeliveryState;
}

const COMPLETE: Settlement = { outcome: { kind: 'complete' }, echo: ACCEPTED };
const RELEASE: Settlement = { outcome: { kind: 'release' }, echo: RELEASED };

/**
 * What a delivery state means for a locked message, or undefined when it is no outcome. `overlay` is what earlier
 * settlements made of the message's application properties; properties to modify are added to it.
 */
export function settlementOf(state: DeliveryState, overlay: Buffer | undefined): Settlement | undefined {
  switch (state.kind) {
    case 'accepted':
      return COMPLETE;
    case 'released':
      return RELEASE;
    case 'modified': {
      const modified = state.messageAnnotations && mergeOverlay(overlay, state.messageAnnotations);
      const detail = modified ? { overlay: modified } : {};
      return state.undeliverableHere
        ? { outcome: { kind: 'defer', ...detail }, echo: DEFERRED }
        : { outcome: { kind: 'abandon', ...detail }, echo: ABANDONED };
    }
    case 'rejected':
      return { outcome: deadLetter(overlay, state.error?.info, state.error?.description), echo: DEAD_LETTERED };
    default:
      return undefined;
  }
}

function deadLetter(
  overlay: Buffer | undefined,
  info: ReadonlyMap<string, AmqpValue> | undefined,
  errorText?: string,
): Outcome {
  const reason = info?.get(DEAD_LETTER_REASON);
  const description = info?.get(DEAD_LETTER_DESCRIPTION) ?? errorText;
  const properties = new Map(info);
  properties.delete(DEAD_LETTER_REASON);
  properties.delete(DEAD_LETTER_DESCRIPTION);
  const modified = mergeOverlay(overlay, properties);
  return {
    kind: 'dead-letter',
    ...(typeof reason === 'string' ? { reason } : {}),
    ...(typeof description === 'string' ? { description } : {}),
    ...(modified ? { overlay: modified } : {}),
  };
}
