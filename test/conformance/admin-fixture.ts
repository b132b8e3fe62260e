import type { TestContext } from 'node:test';
import { ServiceBusAdministrationClient } from '@azure/service-bus';
import { Fixture } from './fixture.ts';

/** A server without queues, and the official admin client (7.9.5), which speaks HTTPS to the host of its connection string: a policy takes the TLS away. */
export async function startWithAdmin(
  context: TestContext,
): Promise<{ fixture: Fixture; admin: ServiceBusAdministrationClient }> {
  const fixture = await Fixture.start(context, []);
  const { connectionString, httpPort } = fixture.server;
  const admin = new ServiceBusAdministrationClient(adminConnectionString(connectionString, httpPort), {
    retryOptions: { maxRetries: 0 },
  });
  admin.pipeline.addPolicy({
    name: 'withoutTls',
    sendRequest: (request, next) => {
      request.url = request.url.replace(/^https:/, 'http:');
      request.allowInsecureConnection = true;
      return next(request);
    },
  });
  return { fixture, admin };
}

export function adminConnectionString(connectionString: string, port: number): string {
  return connectionString.replace(/Endpoint=[^;]*/, `Endpoint=sb://localhost:${port}`);
}

/** How `work` fails. */
export async function failureOf(
  work: Promise<unknown>,
): Promise<readonly [code: unknown, status: unknown, said: string]> {
  try {
    await work;
  } catch (error) {
    const { code, statusCode, message } = error as { code?: unknown; statusCode?: unknown; message: string };
    return [code, statusCode, message];
  }
  throw new Error('no error came');
}
