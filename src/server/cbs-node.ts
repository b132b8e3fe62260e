import { lookup } from '../amqp/index.ts';
import { ACCESS_RIGHTS } from './access-rule.ts';
import { parseAddress, pathOf } from './address.ts';
import type { Grant } from './claims.ts';
import type { ClientConnection } from './client-connection.ts';
import { entityNotFoundText, failure } from './error-mapping.ts';
import { jwtExpiryMs } from './json-web-token.ts';
import { LIMITS } from './limits.ts';
import type { NodeReply, NodeRequest, RequestNode } from './request-node.ts';
import { expired, isSasToken, sasExpiryMs, verifySasToken } from './sas-token.ts';
import type { TokenRefusal } from './sas-token.ts';

const SAS_TYPE = 'servicebus.windows.net:sastoken';

/** The node `$cbs`: takes tokens, which give the connection rights on what they are for (service-bus-protocol.md §2). */
export function serveCbs(client: ClientConnection): RequestNode {
  return {
    address: '$cbs',
    answer(request) {
      const put = putToken(client, request);
      const reply = put.statusCode < 300 ? (missingEntity(client, request) ?? put) : put;
      return reply.statusCode < 300 ? reply : { ...reply, description: client.service.describe(reply.description) };
    },
  };
}

/**
 * The answer to a valid token for an entity that does not exist. The official Go client knows a missing entity by this answer alone: it takes the
 * refusal of a link for any error.
 */
function missingEntity(client: ClientConnection, { properties }: NodeRequest): NodeReply | undefined {
  const audience = lookup(properties, 'name');
  const path = typeof audience === 'string' ? parseAddress(audience).path : '';
  if (path === '' || client.service.namespace.resolve(path)) return undefined;
  return failure('amqp:not-found', entityNotFoundText(client.host, path));
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
  const verdict = judge(client, { type: typeof type === 'string' ? type : '', audience, token: body });
  if ('granted' in verdict) return verdict;
  if (!client.claims.add(pathOf(audience), verdict))
    return {
      statusCode: 403,
      description: `A connection may hold ${LIMITS.tokensPerConnection} tokens at most; put one for the whole namespace instead.`,
    };
  return { statusCode: 202, description: 'Accepted' };
}

function judge(
  { service }: ClientConnection,
  put: { readonly type: string; readonly audience: string; readonly token: string },
): Grant | TokenRefusal {
  const { type, audience, token } = put;
  const nowMs = service.clock.wallMs();
  if (service.auth === 'none') {
    const expiresAtMs = isSasToken(token) ? sasExpiryMs(token) : jwtExpiryMs(token);
    return expiresAtMs > nowMs ? { rights: ACCESS_RIGHTS, expiresAtMs } : expired(expiresAtMs);
  }
  // The Python client calls its shared access signatures 'jwt', so the token's own form counts.
  if (type !== SAS_TYPE && !isSasToken(token))
    return {
      granted: false,
      statusCode: 401,
      description: `Tokens of type '${type}' cannot be verified here: connect with a connection string that has SharedAccessKeyName and SharedAccessKey, or start the broker with --auth none, which takes any token.`,
    };
  const verdict = verifySasToken({ token, audience, rules: service.rules, nowMs });
  if (!verdict.granted) return verdict;
  const { credential, expiresAtMs } = verdict;
  return { rights: credential.rule.rights, credential, expiresAtMs };
}
