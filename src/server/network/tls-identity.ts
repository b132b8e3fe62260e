import { join } from 'node:path';
import type { SecureContext } from 'node:tls';
import { RetrainError } from '../../errors.ts';
import type { CancelTimer, Clock } from '../../runtime/clock.ts';
import { files } from '../../runtime/files.ts';
import type { Random } from '../../runtime/random.ts';
import { LIMITS } from '../limits.ts';
import { certificatePair } from './certificate-pair.ts';
import { LocalAuthority, certificateNames } from './local-authority.ts';
import type { CertificateAndKey } from './make-certificate.ts';

/** Where the certificate for TLS comes from. */
export type TlsOptions =
  | { readonly kind: 'files'; readonly certificateFile: string; readonly keyFile: string }
  /** From an authority of the broker's own, kept in the data folder; `names`: hosts and addresses besides those it has anyway. */
  | { readonly kind: 'self-signed'; readonly names?: readonly string[] };

/** Bytes of a certificate with its chain, or of a key. */
const MAX_BYTES = 1024 * 1024;

/** Gets certificate and key as they are to be used at `nowMs`. */
interface Source {
  readonly names: { readonly certificate: string; readonly key: string };
  get(nowMs: number): Promise<CertificateAndKey>;
}

/**
 * The certificate and the key that the server shows. It looks again every `LIMITS.certificateLookMs`: connections that come after a change see
 * the new ones, those that exist go on. What cannot be used is reported, and the former stays.
 */
export class TlsIdentity {
  /** The certificate of the broker's own authority, for clients to trust; absent when the certificate was given. */
  readonly trustFile: string | undefined;
  readonly #source: Source;
  readonly #clock: Clock;
  readonly #onFault: (fault: unknown) => void;
  #context: SecureContext;
  #pem: CertificateAndKey;
  /** What was wrong at the last looks, and at how many of them. */
  #trouble: { readonly text: string; looks: number } | undefined;
  #cancel: CancelTimer = () => undefined;
  #closed = false;

  private constructor(
    source: Source,
    first: { readonly pem: CertificateAndKey; readonly context: SecureContext },
    options: {
      readonly clock: Clock;
      readonly trustFile: string | undefined;
      readonly onFault: (fault: unknown) => void;
    },
  ) {
    this.#source = source;
    this.#pem = first.pem;
    this.#context = first.context;
    this.#clock = options.clock;
    this.#onFault = options.onFault;
    this.trustFile = options.trustFile;
    this.#lookLater();
  }

  /**
   * The caller holds the data folder's lock.
   *
   * @throws RetrainError `CONFIGURATION_INVALID` for given files that cannot be used, `DATA_CORRUPT`
   */
  static async open(options: {
    readonly tls: TlsOptions;
    readonly host: string;
    readonly dataFolder: string;
    readonly clock: Clock;
    readonly random: Random;
    readonly onFault: (fault: unknown) => void;
  }): Promise<TlsIdentity> {
    const { tls, host, dataFolder, clock, random, onFault } = options;
    const authority =
      tls.kind === 'self-signed'
        ? new LocalAuthority({
            folder: join(dataFolder, 'tls'),
            names: certificateNames([host, ...(tls.names ?? [])]),
            random,
          })
        : undefined;
    const source = tls.kind === 'files' ? filesSource(tls) : authoritySource(authority as LocalAuthority);
    const nowMs = clock.wallMs();
    const pem = await source.get(nowMs);
    const { context } = certificatePair(pem, source.names, nowMs);
    return new TlsIdentity(source, { pem, context }, { clock, onFault, trustFile: authority?.trustFile });
  }

  /** For the next connection. */
  get context(): SecureContext {
    return this.#context;
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  #lookLater(): void {
    this.#cancel = this.#clock.after(LIMITS.certificateLookMs, () => void this.#look());
  }

  /** Once for each fault, and not at the first look: the files may be caught while they are being replaced. */
  #complain(fault: unknown): void {
    const text = String(fault);
    if (this.#trouble?.text !== text) this.#trouble = { text, looks: 0 };
    if (++this.#trouble.looks === 2) this.#onFault(fault);
  }

  async #look(): Promise<void> {
    try {
      const nowMs = this.#clock.wallMs();
      const pem = await this.#source.get(nowMs);
      if (pem.certificate !== this.#pem.certificate || pem.key !== this.#pem.key) {
        this.#context = certificatePair(pem, this.#source.names, nowMs).context;
        this.#pem = pem;
      }
      this.#trouble = undefined;
    } catch (fault) {
      this.#complain(fault);
    }
    if (!this.#closed) this.#lookLater();
  }
}

function filesSource({ certificateFile, keyFile }: TlsOptions & { readonly kind: 'files' }): Source {
  return {
    names: { certificate: certificateFile, key: keyFile },
    get: async () => ({ certificate: await readPem(certificateFile), key: await readPem(keyFile) }),
  };
}

function authoritySource(authority: LocalAuthority): Source {
  return {
    names: { certificate: authority.trustFile, key: authority.trustFile },
    get: (nowMs) => authority.serverCertificate(nowMs),
  };
}

async function readPem(file: string): Promise<string> {
  let text: string | undefined;
  try {
    text = await files.readText(file, { maxBytes: MAX_BYTES });
  } catch (cause) {
    throw new RetrainError('CONFIGURATION_INVALID', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  if (text === undefined)
    throw new RetrainError('CONFIGURATION_INVALID', `${file} does not exist: give the path of a PEM file`);
  return text;
}
