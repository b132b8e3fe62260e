import type { AccessRule } from './access-rule.ts';

/**
 * The connection string that official clients take. Without TLS it says `UseDevelopmentEmulator=true`, which makes them speak AMQP to the given
 * port (service-bus-protocol.md §11); `EntityPath` names the queue that a rule is for, as the service has it. A wildcard
 * address becomes loopback: nobody can connect to a wildcard. What else an SDK needs: `connect-settings.ts`.
 */
export function connectionString(options: {
  readonly host: string;
  /** The SDK's own port unless given. */
  readonly port?: number;
  readonly rule: AccessRule;
  readonly tls?: boolean;
}): string {
  const { host, port, rule, tls = false } = options;
  return [
    `Endpoint=sb://${port === undefined ? reachableHost(host) : endpointOf(host, port)}`,
    `SharedAccessKeyName=${rule.name}`,
    `SharedAccessKey=${rule.primaryKey}`,
    ...(tls ? [] : ['UseDevelopmentEmulator=true']),
    ...(rule.queue === undefined ? [] : [`EntityPath=${rule.queue}`]),
  ].join(';');
}

/** Where a listener on `host` is reached from this machine. */
export function endpointOf(host: string, port: number): string {
  return `${reachableHost(host)}:${port}`;
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
