import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { TestContext } from 'node:test';
import { ServiceBusManagementClient } from '@azure/arm-servicebus';
import { Fixture } from './fixture.ts';

export const GROUP = 'models';
export const NAMESPACE = 'retraining';
/** Any: subscriptions are not kept. */
const SUBSCRIPTION = '00000000-0000-0000-0000-000000000000';
const TOKEN_MS = 3_600_000;

/** A server with a namespace and a queue `q`, in TLS with a certificate of its own. */
export async function startWithNamespace(context: TestContext): Promise<Fixture> {
  const fixture = await Fixture.start(context, [{ name: 'q' }], { tls: { kind: 'self-signed' } });
  const { namespaces } = await managementClient(fixture);
  await namespaces.beginCreateOrUpdateAndWait(GROUP, NAMESPACE, { location: 'West US' }, { updateIntervalInMs: 10 });
  return fixture;
}

/** The official client of Azure Resource Manager (6.1.0), which speaks HTTPS to the broker. Its credential gives tokens that the root rule's key signs. */
export async function managementClient({ server, clock }: Fixture): Promise<ServiceBusManagementClient> {
  const { trustFile = '', httpPort, connectionString } = server;
  const key = /SharedAccessKey=([^;]*)/.exec(connectionString)?.[1] ?? '';
  const getToken = (): Promise<{ token: string; expiresOnTimestamp: number }> => {
    const sr = encodeURIComponent(`https://127.0.0.1:${httpPort}/`);
    const se = Math.round((clock.wallMs() + TOKEN_MS) / 1000);
    const sig = encodeURIComponent(createHmac('sha256', key).update(`${sr}\n${se}`).digest('base64'));
    const token = `SharedAccessSignature sr=${sr}&sig=${sig}&se=${se}&skn=RootManageSharedAccessKey`;
    return Promise.resolve({ token, expiresOnTimestamp: Date.now() + TOKEN_MS });
  };
  return new ServiceBusManagementClient({ getToken }, SUBSCRIPTION, {
    endpoint: `https://127.0.0.1:${httpPort}`,
    tlsOptions: { ca: await readFile(trustFile, 'utf8') },
    retryOptions: { maxRetries: 0 },
  });
}
