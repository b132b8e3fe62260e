import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import type { RetrainRequest } from './request.ts';

export const REQUESTED_TYPE = 'retrain.requested.v1';
export const CANCEL_TYPE = 'retrain.cancel.v1';

/** A request as it travels. Its identity is `source` and `id`. */
export interface RequestEvent {
  readonly id: string;
  readonly source: string;
  readonly type: typeof REQUESTED_TYPE;
  /** The model. */
  readonly subject: string;
  /** RFC 3339. */
  readonly time: string;
  readonly data: RetrainRequest;
  readonly correlationid?: string | undefined;
  /** RFC 3339. */
  readonly expirytime?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  readonly dataref?: string | undefined;
  /** Decimal text of the request's first sequence number. */
  readonly retrainseq?: string | undefined;
  /** 0 for the original, n for its nth clone. */
  readonly retrainhop?: number | undefined;
  readonly retrainreplayof?: string | undefined;
}

export type ReadRequest =
  { readonly kind: 'valid'; readonly event: RequestEvent } | { readonly kind: 'invalid'; readonly reason: string };

export function readRequest(received: ServiceBusReceivedMessage): ReadRequest {
  return { kind: 'invalid', reason: String(received.messageId) };
}
