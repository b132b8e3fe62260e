import type { AccessRule } from './access-rule.ts';
import { connectionString, endpointOf } from './connection-string.ts';

/** The official SDKs, where the versions differ with the one from which it holds. */
export const SDKS = ['javascript', 'javascript-7.10', 'python', 'java', 'go', 'dotnet'] as const;
export type Sdk = (typeof SDKS)[number];

/** What one client of an SDK must be given. */
export interface ClientSettings {
  readonly connectionString: string;
  /** Options besides, by the names that the SDK has for them. */
  readonly options?: Readonly<Record<string, string>>;
  /** What must be done besides, in words. */
  readonly besides?: string;
}

export interface SdkSettings {
  /** Sends and receives messages. */
  readonly data: ClientSettings;
  /** Makes, changes and deletes entities. */
  readonly admin: ClientSettings;
  /** Variables of the process, so that it trusts the broker's own authority. */
  readonly environment?: Readonly<Record<string, string>>;
  /** What else makes it trust that authority: a command, and the options of the process after it. */
  readonly trust?: string;
}

export type ConnectSettings = Readonly<Record<Sdk, SdkSettings>>;

const JAVA_PORT =
  'the client forgets the port: add a policy (addPolicy) that sets scheme, host and port of each request to those of Endpoint';
const HTTPS_ONLY = 'the client speaks HTTPS only: start the broker with TLS';

/**
 * What each SDK makes of a connection string differs (service-bus-protocol.md §11, and the clients' sources); this says what it must be given, so
 * that its clients reach the broker at this port, on which everything is spoken. `tls`: with it, and `trustFile` when its
 * certificate is from the broker's own authority.
 */
export function connectSettings(options: {
  readonly host: string;
  readonly port: number;
  readonly rule: AccessRule;
  readonly tls?: { readonly trustFile?: string | undefined } | undefined;
}): ConnectSettings {
  return options.tls ? withTls({ ...options, tls: options.tls }) : withoutTls(options);
}

function withoutTls({ host, port, rule }: Parameters<typeof connectSettings>[0]): ConnectSettings {
  const same = { connectionString: connectionString({ host, port, rule }) };
  const both = { data: same, admin: same };
  const httpsOnly = { data: same, admin: { ...same, besides: HTTPS_ONLY } };
  return {
    javascript: httpsOnly,
    'javascript-7.10': both,
    python: httpsOnly,
    java: { data: same, admin: { ...same, besides: JAVA_PORT } },
    go: httpsOnly,
    dotnet: both,
  };
}

function withTls({
  host,
  port,
  rule,
  tls: { trustFile },
}: Parameters<typeof connectSettings>[0] & { tls: object }): ConnectSettings {
  const same = { connectionString: connectionString({ host, port, rule, tls: true }) };
  const address = endpointOf(host, port);
  const custom = `sb://${address}`;
  const verify = trustFile === undefined ? undefined : { connection_verify: trustFile };
  const trusting = (variable: string): Pick<SdkSettings, 'environment'> =>
    trustFile === undefined ? {} : { environment: { [variable]: trustFile } };
  const node = { data: same, admin: same, ...trusting('NODE_EXTRA_CA_CERTS') };
  return {
    javascript: node,
    'javascript-7.10': node,
    python: {
      data: {
        ...same,
        options: { custom_endpoint_address: custom, transport_type: 'TransportType.Amqp', ...verify },
      },
      admin: { ...same, ...(verify && { options: verify }) },
    },
    java: {
      data: same,
      admin: { ...same, besides: JAVA_PORT },
      ...(trustFile !== undefined && { trust: javaTrust(trustFile) }),
    },
    go: {
      // With a port in Endpoint it looks for a certificate of 'host:port'.
      data: {
        connectionString: connectionString({ host, rule, tls: true }),
        options: { CustomEndpoint: address },
      },
      admin: same,
      ...trusting('SSL_CERT_FILE'),
    },
    dotnet: {
      data: { ...same, options: { CustomEndpointAddress: custom } },
      admin: same,
      ...trusting('SSL_CERT_FILE'),
    },
  };
}

/** Java reads no PEM: the certificate goes into a trust store of its own. */
function javaTrust(file: string): string {
  const store = 'retrain.p12';
  return (
    `keytool -importcert -noprompt -alias retrain -file ${file} -keystore ${store} -storepass changeit; ` +
    `java -Djavax.net.ssl.trustStore=${store} -Djavax.net.ssl.trustStorePassword=changeit`
  );
}
