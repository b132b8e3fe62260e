import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';

const RSA_BITS = 2048;

/** A new RSA key, as PEM (PKCS #8). Every client and every trust store knows this kind. */
export async function newRsaKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: RSA_BITS });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
