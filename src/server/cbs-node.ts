import { lookup } from '../amqp/index.ts';
import { pathOf } from './address.ts';
import type { ClientConnection } from './client-connection.ts';
import { LIMITS } from './limits.ts';
import type { NodeReply, NodeRequest, RequestNode } from './request-node.ts';
import { isSasToken, verifySasToken } from './sas-token.ts';

const SAS_TYPE = 'servicebus.windows.net:sastoken';

/** The node `$cbs`: takes tokens, which give the connection rights on what they are for (service-bus-protocol.md §2). */
export function serveCbs(client: ClientConnection): RequestNode {
  return {
    address: '$cbs',
    answer(request) {
      const { statusCode, description } = putToken(client, request);
      const said = statusCode < 300 ? description : client.service.describe({ condition: '', statusCode, description });
      return { statusCode, description: said };
    },
  };
}

function putToken(client: ClientConnection, { operation, properties, body }: NodeRequest): NodeReply {
  if (operation !== 'put-token')
    return { statusCode: 501, description: `The operation '${operation}' is not supported by $cbs; use put-token.` };
  const audience = lookup(properties, 'name');
  if (typeof audience !== 'string' || typeof body !== 'string')
    return {
      statusCode: 400,
      description: 'put-token needs the audience in the property name and the token as a string body.',
    };
  const type = lookup(properties, 'type');
  // The Python client calls its shared access signatures 'jwt', so the token's own form counts.
  if (type !== SAS_TYPE && !isSasToken(body))
    return {
      statusCode: 401,
      description: `Tokens of type '${typeof type === 'string' ? type : ''}' are not supported: connect with a connection string that has SharedAccessKeyName and SharedAccessKey.`,
    };
  const verdict = verifySasToken({
    token: body,
    audience,
    rules: client.service.rules,
    nowMs: client.service.clock.wallMs(),
  });
  if (!verdict.granted) return verdict;
  if (!client.claims.add(pathOf(audience), verdict.rights, verdict.expiresAtMs))
    return {
      statusCode: 403,
      description: `A connection may hold ${LIMITS.tokensPerConnection} tokens at most; put one for the whole namespace instead.`,
    };
  return { statusCode: 202, description: 'Accepted' };
}
