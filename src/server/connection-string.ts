import type { AccessRule } from './access-rule.ts';

/**
 * The connection string that official clients take. `UseDevelopmentEmulator=true` makes them speak AMQP without TLS to the
 * given port (service-bus-protocol.md §11); `EntityPath` names the queue that a rule is for, as the service has it. A wildcard
 * address becomes loopback: nobody can connect to a wildcard.
 */
export function connectionString(options: {
  readonly host: string;
  readonly amqpPort: number;
  readonly rule: AccessRule;
}): string {
  const { host, amqpPort, rule } = options;
  return (
    `Endpoint=sb://${reachableHost(host)}:${amqpPort};SharedAccessKeyName=${rule.name};` +
    `SharedAccessKey=${rule.primaryKey};UseDevelopmentEmulator=true${rule.queue === undefined ? '' : `;EntityPath=${rule.queue}`}`
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
