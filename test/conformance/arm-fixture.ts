import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { TestContext } from 'node:test';
import { ServiceBusManagementClient } from '@azure/arm-servicebus';
import { Fixture } from './fixture.ts';

export const GROUP = 'models';
export const NAMESPACE = 'retraining';
/** Any: subscriptions are not kept. */
export const SUBSCRIPTION = '00000000-0000-0000-0000-000000000000';
const TOKEN_MS = 3_600_000;

/** A server with a namespace and a queue `q`, in TLS with a certificate of its own. */
export async function startWithNamespace(context: TestContext): Promise<Fixture> {
  const fixture = await Fixture.start(context, [{ name: 'q' }], { tls: { kind: 'self-signed' } });
  const { namespaces } = await managementClient(fixture);
  await namespaces.beginCreateOrUpdateAndWait(GROUP, NAMESPACE, { location: 'West US' }, { updateIntervalInMs: 10 });
  return fixture;
}

/** A signature by the root rule's key, for all of the broker. */
function signature({ server, clock }: Fixture): string {
  const key = /SharedAccessKey=([^;]*)/.exec(server.connectionString)?.[1] ?? '';
  const sr = encodeURIComponent(`https://127.0.0.1:${server.httpPort}/`);
  const se = Math.round((clock.wallMs() + TOKEN_MS) / 1000);
  const sig = encodeURIComponent(createHmac('sha256', key).update(`${sr}\n${se}`).digest('base64'));
  return `SharedAccessSignature sr=${sr}&sig=${sig}&se=${se}&skn=RootManageSharedAccessKey`;
}

/**
 * The official client of Azure Resource Manager (6.1.0), which speaks HTTPS to the broker. Its credential gives `token`, unless given one that the root
 * rule's key signs.
 */
export async function managementClient(
  fixture: Fixture,
  { token, apiVersion }: { readonly token?: string; readonly apiVersion?: string } = {},
): Promise<ServiceBusManagementClient> {
  const { trustFile = '', httpPort } = fixture.server;
  const getToken = (): Promise<{ token: string; expiresOnTimestamp: number }> =>
    Promise.resolve({ token: token ?? signature(fixture), expiresOnTimestamp: Date.now() + TOKEN_MS });
  const endpoint = `https://127.0.0.1:${httpPort}`;
  return new ServiceBusManagementClient({ getToken }, SUBSCRIPTION, {
    endpoint,
    $host: endpoint,
    tlsOptions: { ca: await readFile(trustFile, 'utf8') },
    retryOptions: { maxRetries: 0 },
    ...(apiVersion === undefined ? {} : { apiVersion }),
  });
}
