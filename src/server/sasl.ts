import { readPlainResponse } from '../amqp/index.ts';
import type { ServerSasl } from '../amqp/index.ts';
import { ACCESS_RIGHTS } from './access-rule.ts';
import type { Claims } from './claims.ts';
import type { Service } from './service.ts';

/** MSSBCBS first: .NET knows nothing else; the JavaScript client takes the first that it knows (service-bus-protocol.md §1.2). */
const MECHANISMS = ['MSSBCBS', 'ANONYMOUS', 'PLAIN'] as const;

/**
 * SASL as the service does it: MSSBCBS and ANONYMOUS let everybody in, who then has to put a token; PLAIN takes the name and
 * the key of an access rule and gives its rights, on its queue or on the whole namespace. A name and key that several queues
 * share give the rights on each of them.
 */
export function saslOptions(service: Service, claims: Claims): ServerSasl {
  return {
    role: 'server',
    mechanisms: MECHANISMS,
    authenticate(mechanism, response) {
      if (mechanism !== 'PLAIN') return true;
      const plain = readPlainResponse(response);
      if (!plain) return false;
      if (service.auth === 'none') return claims.add('', { rights: ACCESS_RIGHTS, expiresAtMs: Infinity });
      let good = false;
      for (const credential of service.rules.holders(plain.username, plain.password)) {
        const { rights, queue = '' } = credential.rule;
        good = claims.add(queue, { rights, credential, expiresAtMs: Infinity }) || good;
      }
      return good;
    },
  };
}
