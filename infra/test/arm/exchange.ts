/**
 * Sends a message with a session and receives it, with the official client: `node exchange.js QUEUE`, connection strings in the variables SENDER
 * and RECEIVER. A process of its own, because Node reads NODE_EXTRA_CA_CERTS when it starts.
 */
import { ServiceBusClient } from '@azure/service-bus';
import type { ServiceBusClientOptions } from '@azure/service-bus';

const IMPATIENT: ServiceBusClientOptions = { retryOptions: { maxRetries: 0, timeoutInMs: 30_000 } };
const WAIT_MS = 20_000;

async function exchange(): Promise<object> {
  const queue = process.argv[2] ?? '';
  const sending = new ServiceBusClient(process.env['SENDER'] ?? '', IMPATIENT);
  const receiving = new ServiceBusClient(process.env['RECEIVER'] ?? '', IMPATIENT);
  try {
    await sending.createSender(queue).sendMessages({ body: { model: 'churn' }, sessionId: 'churn' });
    const receiver = await receiving.acceptSession(queue, 'churn');
    const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: WAIT_MS });
    if (message) await receiver.completeMessage(message);
    return { body: message?.body as unknown, sessionId: message?.sessionId };
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    return { failed: `${code ?? ''} ${message}` };
  } finally {
    await Promise.all([sending.close(), receiving.close()]);
  }
}

void exchange().then((result) => process.stdout.write(JSON.stringify(result)));
