import { readPlainResponse } from '../amqp/index.ts';
import type { ServerSasl } from '../amqp/index.ts';
import { equalSecrets } from './access-rule.ts';
import type { AccessRule } from './access-rule.ts';
import type { Claims } from './claims.ts';

/** MSSBCBS first: .NET knows nothing else; the JavaScript client takes the first that it knows (service-bus-protocol.md §1.2). */
const MECHANISMS = ['MSSBCBS', 'ANONYMOUS', 'PLAIN'] as const;

/**
 * SASL as the service does it: MSSBCBS and ANONYMOUS let everybody in, who then has to put a token; PLAIN takes the name and
 * the key of an access rule and gives its rights on the whole namespace.
 */
export function saslOptions(rules: readonly AccessRule[], claims: Claims): ServerSasl {
  return {
    role: 'server',
    mechanisms: MECHANISMS,
    authenticate(mechanism, response) {
      if (mechanism !== 'PLAIN') return true;
      const plain = readPlainResponse(response);
      const rule = rules.find(({ name }) => name === plain?.username);
      if (!equalSecrets(rule?.key ?? '', plain?.password ?? '') || !rule) return false;
      return claims.add('', rule.rights, Infinity);
    },
  };
}
