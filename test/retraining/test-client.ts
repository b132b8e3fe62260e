import type { ServiceBusClient } from '@azure/service-bus';
import { closeClient, createClient, parseConnection } from '../../src/retraining/connection.ts';
import { systemClock } from '../../src/runtime/clock.ts';

/** Longer than a broker on a busy machine takes, far shorter than the time that a file of tests has. */
const OPERATION_MS = 30_000;
const CLOSE_MS = 10_000;

/** An official client of a test's own: an operation without an answer fails once, by name, instead of being tried for minutes. */
export function testClient(connectionString: string): ServiceBusClient {
  return createClient(parseConnection(connectionString), { retry: { maxRetries: 0, timeoutInMs: OPERATION_MS } });
}

/** Closes one; whatever the broker does meanwhile, a test does not wait for it for minutes. */
export function closed(client: { close(): Promise<void> }): Promise<void> {
  return closeClient(client, { clock: systemClock, withinMs: CLOSE_MS });
}
