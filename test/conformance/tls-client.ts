// A program with the official client, as it is published, that does what its arguments say and prints what came of it. A process of its own, because
// Node reads NODE_EXTRA_CA_CERTS when it starts.
import { ServiceBusAdministrationClient, ServiceBusClient } from '@azure/service-bus';
import type { ServiceBusClientOptions } from '@azure/service-bus';
import { WebSocket } from 'ws';

const IMPATIENT: ServiceBusClientOptions = { retryOptions: { maxRetries: 0, timeoutInMs: 30_000 } };
/** Three times the largest frame. */
const BODY = 'x'.repeat(200_000);
const MESSAGES = 20;

const [way = '', connection = '', queue = ''] = process.argv.slice(2);

/** A credential as DefaultAzureCredential is one: a token that only Entra ID could verify. */
const credential = {
  getToken: () => {
    const expiresOnTimestamp = Date.now() + 3_600_000;
    const part = (claims: object): string => Buffer.from(JSON.stringify(claims)).toString('base64url');
    const claims = { aud: 'https://servicebus.azure.net', exp: Math.floor(expiresOnTimestamp / 1000) };
    return Promise.resolve({ token: `${part({ alg: 'RS256' })}.${part(claims)}.c2lnbmVk`, expiresOnTimestamp });
  },
};

function client(): ServiceBusClient {
  if (way === 'token') return new ServiceBusClient(connection, credential, IMPATIENT);
  const webSocketOptions = way === 'websocket' ? { webSocketOptions: { webSocket: WebSocket } } : {};
  return new ServiceBusClient(connection, { ...IMPATIENT, ...webSocketOptions });
}

async function exchange(): Promise<number> {
  await using both = { client: client(), [Symbol.asyncDispose]: () => both.client.close() };
  const sender = both.client.createSender(queue);
  for (let count = 0; count < MESSAGES; count++) await sender.sendMessages({ body: BODY });
  const receiver = both.client.createReceiver(queue);
  let received = 0;
  while (received < MESSAGES) {
    const messages = await receiver.receiveMessages(MESSAGES - received, { maxWaitTimeInMs: 5_000 });
    if (messages.length === 0) break;
    for (const message of messages) {
      if (message.body === BODY) received++;
      await receiver.completeMessage(message);
    }
  }
  return received;
}

async function administer(): Promise<boolean> {
  const client =
    way === 'admin'
      ? new ServiceBusAdministrationClient(connection)
      : new ServiceBusAdministrationClient(connection, credential);
  return client.queueExists(queue);
}

try {
  process.stdout.write(JSON.stringify({ done: await (way.startsWith('admin') ? administer() : exchange()) }));
} catch (error) {
  const { message, code } = error as Error & { code?: string };
  process.stdout.write(JSON.stringify({ failed: `${code ?? ''} ${message}` }));
}
process.exit();
