import type { ServiceBusMessage, ServiceBusReceivedMessage } from '@azure/service-bus';

/** What a receiver of the official client gets when `message` was sent: the body parsed from its JSON, `over` on top. */
export function received(
  message: Partial<ServiceBusMessage>,
  over: Record<string, unknown> = {},
): ServiceBusReceivedMessage {
  const body: unknown = message.body === undefined ? undefined : JSON.parse(JSON.stringify(message.body));
  return {
    ...message,
    body,
    state: 'active',
    sequenceNumber: { toString: () => '41' },
    enqueuedTimeUtc: new Date(Date.UTC(2026, 0, 1)),
    ...over,
  } as unknown as ServiceBusReceivedMessage;
}
