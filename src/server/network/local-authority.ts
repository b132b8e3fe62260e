import { X509Certificate, createPrivateKey } from 'node:crypto';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { RetrainError } from '../../errors.ts';
import { files } from '../../runtime/files.ts';
import type { Random } from '../../runtime/random.ts';
import { readSecretFile, writeSecretFile } from '../../runtime/secret-file.ts';
import { makeAuthority, makeServerCertificate } from './make-certificate.ts';
import type { CertificateAndKey } from './make-certificate.ts';

/** Key and certificate in one file, so that the two always belong together. */
const AUTHORITY_FILE = 'authority.pem';
const SERVER_FILE = 'server.pem';
/** The authority's certificate alone: what clients are told to trust. */
const TRUST_FILE = 'ca.pem';

const DAY_MS = 86_400_000;
/** Clients whose clock is behind must not see a certificate that is not valid yet. */
const BEFORE_MS = DAY_MS;
const AUTHORITY_MS = 3_650 * DAY_MS;
const SERVER_MS = 90 * DAY_MS;
/** What is valid for less than this is made anew. */
const RENEW_MS = 30 * DAY_MS;

/** RFC 1123, section 2.1, with underscores and with a wildcard for the first label. */
const HOST_NAME = /^(?=.{1,253}$)(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i;

const MAX_BYTES = 64 * 1024;
const SERIAL_BYTES = 16;

/**
 * Certificates of this broker's own authority, which is made once and kept, with its key, in a folder of its own (mode 0600). The
 * server's certificate is made anew before it expires, and when it must be for other names; whoever trusts the authority
 * notices nothing of it. Only the authority itself, after ten years, has to be trusted again.
 */
export class LocalAuthority {
  readonly trustFile: string;
  readonly #folder: string;
  readonly #names: readonly string[];
  readonly #random: Random;

  /** `folder`: nobody else may use it. */
  constructor(options: { readonly folder: string; readonly names: readonly string[]; readonly random: Random }) {
    this.#folder = options.folder;
    this.#names = options.names;
    this.#random = options.random;
    this.trustFile = join(options.folder, TRUST_FILE);
  }

  /**
   * The server's certificate and key: what is kept, or new ones.
   *
   * @throws RetrainError `DATA_CORRUPT` when the authority's file is not what was written
   */
  async serverCertificate(nowMs: number): Promise<CertificateAndKey> {
    const authority = await this.#authority(nowMs);
    const kept = readPair(await this.#read(SERVER_FILE));
    if (kept && this.#stillGood(kept, authority, nowMs)) return kept;
    const made = await makeServerCertificate(authority, this.#names, this.#validity(nowMs, SERVER_MS));
    await this.#write(SERVER_FILE, made);
    return made;
  }

  async #authority(nowMs: number): Promise<CertificateAndKey> {
    const text = await this.#read(AUTHORITY_FILE);
    const kept = readPair(text);
    if (text !== undefined && !kept)
      throw new RetrainError(
        'DATA_CORRUPT',
        `${join(this.#folder, AUTHORITY_FILE)} does not hold a key and its certificate: put a copy back, or remove it; then a new authority is made, which clients have to trust anew`,
      );
    if (kept && validToMs(kept) - nowMs > SERVER_MS) {
      if ((await files.readText(this.trustFile, { maxBytes: MAX_BYTES })) !== kept.certificate)
        await files.writeAtomic(this.trustFile, kept.certificate);
      return kept;
    }
    const made = await makeAuthority(this.#validity(nowMs, AUTHORITY_MS));
    await this.#write(AUTHORITY_FILE, made);
    await files.writeAtomic(this.trustFile, made.certificate);
    return made;
  }

  #stillGood(kept: CertificateAndKey, authority: CertificateAndKey, nowMs: number): boolean {
    const certificate = new X509Certificate(kept.certificate);
    if (Date.parse(certificate.validTo) - nowMs <= RENEW_MS || Date.parse(certificate.validFrom) > nowMs) return false;
    if (!certificate.verify(new X509Certificate(authority.certificate).publicKey)) return false;
    // Not checkHost, to which a name with a wildcard is no host.
    const named = new Set((certificate.subjectAltName ?? '').toLowerCase().split(', '));
    return this.#names.every((name) =>
      isIP(name) ? certificate.checkIP(name) : named.has(`dns:${name.toLowerCase()}`),
    );
  }

  #validity(nowMs: number, lengthMs: number): { serial: Buffer; fromMs: number; toMs: number } {
    const serial = this.#random.bytes(SERIAL_BYTES);
    // A serial number is positive (RFC 5280, section 4.1.2.2) and has no zeros before it.
    serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
    return { serial, fromMs: nowMs - BEFORE_MS, toMs: nowMs + lengthMs };
  }

  #read(file: string): Promise<string | undefined> {
    return readSecretFile(join(this.#folder, file), { maxBytes: MAX_BYTES });
  }

  #write(file: string, { key, certificate }: CertificateAndKey): Promise<void> {
    return writeSecretFile(join(this.#folder, file), `${key}${certificate}`);
  }
}

/**
 * Names that are always in the certificate, and those that the server is reached by besides.
 *
 * @throws RetrainError `CONFIGURATION_INVALID`
 */
export function certificateNames(hosts: readonly string[]): string[] {
  for (const host of hosts)
    if (!isIP(host) && !HOST_NAME.test(host))
      throw new RetrainError(
        'CONFIGURATION_INVALID',
        `'${host}' cannot stand in a certificate: give a host name such as broker.example, or an address, without scheme and port`,
      );
  const anyAddress = ['0.0.0.0', '::'];
  return [...new Set(['localhost', '127.0.0.1', '::1', ...hosts.filter((host) => !anyAddress.includes(host))])];
}

function readPair(text = ''): CertificateAndKey | undefined {
  const key = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----\n/.exec(text)?.[0];
  const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/.exec(text)?.[0];
  if (key === undefined || certificate === undefined) return undefined;
  return isPair({ key, certificate }) ? { key, certificate } : undefined;
}

function isPair({ key, certificate }: CertificateAndKey): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

function validToMs({ certificate }: CertificateAndKey): number {
  return Date.parse(new X509Certificate(certificate).validTo);
}
