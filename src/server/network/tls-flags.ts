import { resolve } from 'node:path';
import { RetrainError } from '../../errors.ts';
import type { TlsOptions } from './tls-identity.ts';

/** What the command line says about TLS. */
export interface TlsFlags {
  readonly tls?: 'self-signed';
  readonly tlsName?: readonly string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** @throws RetrainError `CONFIGURATION_INVALID` when the flags do not fit together */
export function parseTlsFlags({ tls, tlsName, tlsCert, tlsKey }: TlsFlags): TlsOptions | undefined {
  if (tls !== undefined && (tlsCert !== undefined || tlsKey !== undefined))
    throw invalid('--tls self-signed makes a certificate of its own: give it, or --tls-cert and --tls-key, not both');
  if (tlsName !== undefined && tls === undefined)
    throw invalid('--tls-name is a name in the certificate that --tls self-signed makes: give that, too');
  if (tls !== undefined) return { kind: tls, names: tlsName ?? [] };
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined) throw invalid('--tls-key needs the certificate of the key: give --tls-cert, too');
  if (tlsKey === undefined) throw invalid('--tls-cert needs the private key of the certificate: give --tls-key, too');
  return { kind: 'files', certificateFile: resolve(tlsCert), keyFile: resolve(tlsKey) };
}

function invalid(message: string): RetrainError {
  return new RetrainError('CONFIGURATION_INVALID', message);
}
