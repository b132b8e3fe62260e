import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { newRsaKey } from '../../runtime/rsa-key.ts';

/** A certificate and its private key, both PEM. */
export interface CertificateAndKey {
  readonly certificate: string;
  readonly key: string;
}

interface Validity {
  readonly serial: Buffer;
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * The certificate of a local authority: it may sign certificates of servers, not of further authorities. Its name is its own, so that a trust store
 * that knows several of them finds the right one.
 */
export async function makeAuthority(validity: Validity): Promise<CertificateAndKey> {
  const key = await newRsaKey();
  const name = `retrain local authority ${createHash('sha256').update(key).digest('hex').slice(0, 8)}`;
  const extensions = [
    { name: 'basicConstraints', critical: true, cA: true, pathLenConstraint: 0 },
    { name: 'keyUsage', critical: true, keyCertSign: true, cRLSign: true },
    { name: 'subjectKeyIdentifier' },
  ];
  return { certificate: await sign({ name, key, extensions, ...validity }), key };
}

/** A server's certificate that `authority` has signed, for these DNS names and IP addresses. */
export async function makeServerCertificate(
  authority: CertificateAndKey,
  names: readonly string[],
  validity: Validity,
): Promise<CertificateAndKey> {
  const key = await newRsaKey();
  const [name = 'localhost'] = names;
  const altNames = names.map((each) => (isIP(each) ? { type: 7, ip: each } : { type: 2, value: each }));
  const extensions = [
    { name: 'basicConstraints', critical: true, cA: false },
    { name: 'keyUsage', critical: true, digitalSignature: true, keyEncipherment: true },
    { name: 'extKeyUsage', serverAuth: true },
    { name: 'subjectAltName', altNames },
    { name: 'subjectKeyIdentifier' },
  ];
  return { certificate: await sign({ name, key, extensions, authority, ...validity }), key };
}

/** PEM of a certificate for `key`, signed by `authority`, or by itself. The library is loaded only when one must be made. */
async function sign(
  wanted: Validity & {
    readonly name: string;
    readonly key: string;
    readonly extensions: readonly object[];
    readonly authority?: CertificateAndKey;
  },
): Promise<string> {
  const { pki, md } = (await import('node-forge')).default;
  const key = pki.privateKeyFromPem(wanted.key);
  const issuer = wanted.authority && pki.certificateFromPem(wanted.authority.certificate);
  const certificate = pki.createCertificate();
  certificate.publicKey = pki.setRsaPublicKey(key.n, key.e);
  certificate.serialNumber = wanted.serial.toString('hex');
  certificate.validity.notBefore = new Date(wanted.fromMs);
  certificate.validity.notAfter = new Date(wanted.toMs);
  const subject = [{ name: 'commonName', value: wanted.name }];
  certificate.setSubject(subject);
  certificate.setIssuer(issuer ? issuer.subject.attributes : subject);
  const signer = (issuer ?? certificate).generateSubjectKeyIdentifier().getBytes();
  certificate.setExtensions([...wanted.extensions, { name: 'authorityKeyIdentifier', keyIdentifier: signer }]);
  certificate.sign(wanted.authority ? pki.privateKeyFromPem(wanted.authority.key) : key, md.sha256.create());
  return pki.certificateToPem(certificate).replaceAll('\r\n', '\n');
}
