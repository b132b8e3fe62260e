import type { ClientSasl } from './connection-options.ts';

/** sasl-code (5.3.3.6). */
export const SASL_CODE = { ok: 0, auth: 1, sys: 2, sysPerm: 3, sysTemp: 4 } as const;

/** The message of mechanism PLAIN (RFC 4616), or undefined when it is malformed. */
export function readPlainResponse(
  response: Buffer,
): { authorizationId: string; username: string; password: string } | undefined {
  const parts = response.toString('utf8').split('\0');
  const [authorizationId, username, password] = parts;
  if (parts.length !== 3 || authorizationId === undefined || !username || !password) return undefined;
  return { authorizationId, username, password };
}

/** A client's first message for its mechanism. */
export function initialResponse(sasl: ClientSasl): Buffer {
  if (sasl.mechanism === 'PLAIN') return Buffer.from(`\0${sasl.username ?? ''}\0${sasl.password ?? ''}`);
  return Buffer.from(sasl.username ?? '');
}
