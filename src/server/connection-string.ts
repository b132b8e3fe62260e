import { ROOT_RULE_NAME } from './access-rule.ts';

/**
 * The connection string that official clients take. `UseDevelopmentEmulator=true` makes them speak AMQP without TLS to the
 * given port (service-bus-protocol.md §11). A wildcard address becomes loopback: nobody can connect to a wildcard.
 */
export function connectionString(options: {
  readonly host: string;
  readonly amqpPort: number;
  readonly key: string;
}): string {
  const { host, amqpPort, key } = options;
  return (
    `Endpoint=sb://${reachableHost(host)}:${amqpPort};SharedAccessKeyName=${ROOT_RULE_NAME};` +
    `SharedAccessKey=${key};UseDevelopmentEmulator=true`
  );
}

function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

/** Whether a listener on `host` can only be reached from this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
