import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { RetrainError } from '../../errors.ts';

/** Never weaker than this. */
const MIN_VERSION = 'TLSv1.2';

/** A certificate with its chain, if it has one, and its private key, ready for TLS. */
export interface CertificatePair {
  readonly certificate: X509Certificate;
  readonly context: SecureContext;
}

/**
 * Checks that both can be used together.
 *
 * @throws RetrainError `CONFIGURATION_INVALID`
 */
export function certificatePair(
  pem: { readonly certificate: string; readonly key: string },
  /** What the two are called in errors. */
  names: { readonly certificate: string; readonly key: string },
  nowMs: number,
): CertificatePair {
  const certificate = read(() => new X509Certificate(pem.certificate), `${names.certificate} holds no certificate`);
  const key = privateKey(pem.key, names.key);
  if (!certificate.checkPrivateKey(key))
    throw invalid(
      `${names.key} is not the key of the certificate in ${names.certificate}: give the two that belong together`,
    );
  if (Date.parse(certificate.validTo) <= nowMs)
    throw invalid(
      `the certificate in ${names.certificate} has expired (${certificate.validTo}): give one that is valid`,
    );
  const context = read(
    () => createSecureContext({ cert: pem.certificate, key: pem.key, minVersion: MIN_VERSION }),
    `${names.certificate} and ${names.key} cannot be used for TLS`,
  );
  return { certificate, context };
}

function privateKey(pem: string, name: string): KeyObject {
  if (/ENCRYPTED/.test(pem))
    throw invalid(`${name} is encrypted: give the key without a passphrase, in a file that only the broker can read`);
  return read(() => createPrivateKey(pem), `${name} holds no private key`);
}

function read<T>(make: () => T, otherwise: string): T {
  try {
    return make();
  } catch (cause) {
    throw new RetrainError('CONFIGURATION_INVALID', `${otherwise} (${(cause as Error).message}): give PEM files`, {
      cause,
    });
  }
}

function invalid(message: string): RetrainError {
  return new RetrainError('CONFIGURATION_INVALID', message);
}
