import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { HEALTH_PATH } from '../api/health.ts';
import {
  EMULATOR_KEY,
  SETTINGS,
  SETTING_NAMES,
  parseAccessRuleFlag,
  parseTlsFlags,
  startServer,
} from '../server/index.ts';
import type {
  AccessRuleInForce,
  Auth,
  ConnectSettings,
  DeclaredEntities,
  Setting,
  Settings,
  TlsFlags,
} from '../server/index.ts';
import { RetrainError } from '../errors.ts';
import { files } from '../runtime/files.ts';
import { DEFAULT_QUEUE, type NamespaceDescription, parseQueueFlag } from '../topology/index.ts';
import { stackOf } from './failure.ts';
import { Interrupt } from './interrupt.ts';
import { collect, count, port, span } from './option.ts';
import { spanText } from '../retraining/configuration/span.ts';

interface BrokerOptions extends TlsFlags {
  readonly data: string;
  readonly amqpPort: number;
  readonly httpPort: number;
  readonly host: string;
  readonly queue?: readonly string[];
  readonly config?: string;
  readonly fromInfra?: string;
  readonly infra?: string;
  readonly accessRule?: readonly string[];
  readonly auth: Auth;
  readonly allowAnyone?: true;
  readonly emulator?: true;
  readonly json?: true;
  readonly verbose?: true;
}

export const DEFAULT_BROKER_FOLDER = '.retrain/broker';

/** What `--json` prints once, when the broker is ready. */
export interface BrokerReady {
  readonly connectionString: string;
  /** The rules besides RootManageSharedAccessKey. */
  readonly accessRules: readonly AccessRuleInForce[];
  readonly amqpPort: number;
  readonly httpPort: number;
  readonly pid: number;
  /** What the clients of each official SDK must be given, with TLS if it is spoken. */
  readonly connect: ConnectSettings;
  /** The certificate that clients are to trust, with `--tls self-signed`. */
  readonly trustFile?: string;
}

export function brokerCommand(): Command {
  const command = new Command('broker')
    .description('Runs the embedded broker: durable, on this machine, with the protocol of Azure Service Bus.')
    .option('--data <dir>', 'folder for queues, messages and access keys', DEFAULT_BROKER_FOLDER)
    .option('--amqp-port <n>', 'port for clients of every protocol; 0 picks a free one', port, 5672)
    .option(
      '--http-port <n>',
      "the emulator's port for HTTP; it speaks everything, too; 0 picks a free one",
      port,
      5300,
    )
    .option('--host <host>', 'address to listen on; one that others can reach needs a key of yours', '127.0.0.1')
    .option(
      '--queue <spec>',
      `queue to declare, NAME or NAME:sessions,duplicates,maxDeliveryCount=10,lockDuration=PT1M; repeatable (default: ${DEFAULT_QUEUE.name})`,
      collect,
    )
    .option(
      '--config <file>',
      "queues, topics, subscriptions and rules to declare: YAML, JSON, or Config.json of Microsoft's emulator",
    )
    .option('--from-infra <stack>', 'queues and topics to declare: those that this stack of infra/ provisions on Azure')
    .option(
      '--infra <dir>',
      'folder of that Pulumi program (default: infra, if it is there, or the one of the package)',
    )
    .option(
      '--access-rule <rule>',
      'access rule besides the root rule, NAME=RIGHT[,RIGHT][@QUEUE] with the rights Send, Listen and Manage; repeatable',
      collect,
    )
    .addOption(
      new Option('--auth <how>', 'who is let in: who has the key of an access rule, or everybody')
        .choices(['sas', 'none'])
        .default('sas'),
    )
    .option('--allow-anyone', 'with --auth none: listen also on an address that others can reach')
    .option('--emulator', "the well-known key of Microsoft's emulator (SAS_KEY_VALUE); on this machine only")
    .addOption(
      new Option(
        '--tls <how>',
        'speak TLS, too, with a certificate of an own local authority, to be trusted once',
      ).choices(['self-signed']),
    )
    .option(
      '--tls-name <name>',
      'host name or address for that certificate besides those of this machine; repeatable',
      collect,
    )
    .option(
      '--tls-cert <file>',
      'speak TLS, too, with this certificate (PEM, with its chain); taken anew when it changes',
    )
    .option('--tls-key <file>', 'its private key (PEM)')
    .option('--json', 'print one line of JSON when ready');
  for (const name of SETTING_NAMES) command.addOption(optionOf(SETTINGS[name]));
  return command
    .addHelpText(
      'after',
      `
Access keys are made at the first start and kept in the data folder. A root key of your own goes into RETRAIN_ACCESS_KEY.
Access rules are in force as long as they are given; their keys stay the same.
What is declared is made when it is missing and changed when it is different; everything else in the data folder stays as it is.

Examples:
  retrain broker
  retrain broker --data /var/lib/retrain --queue models:sessions,duplicates --queue outcomes
  retrain broker --config namespace.yaml
  retrain broker --from-infra dev
  retrain broker --emulator --config Config.json
  retrain broker --tls self-signed --tls-name broker.example
  retrain broker --queue orders --access-rule shop=Send@orders --access-rule monitor=Listen`,
    )
    .action(runBroker);
}

/** The flag of a setting. */
function optionOf({ flag, unit, says, default: normal }: Setting): Option {
  const isTime = unit === 'milliseconds';
  const usual = isTime ? spanText(normal) : String(normal);
  return new Option(`--${flag} ${isTime ? '<span>' : '<n>'}`, `${says} (default: ${usual})`).argParser(
    isTime ? span : count,
  );
}

/** The settings among the options. */
function settingsIn(options: BrokerOptions): Partial<Settings> {
  const values = options as unknown as Record<string, number | undefined>;
  const given = SETTING_NAMES.map((name) => [name, values[optionOf(SETTINGS[name]).attributeName()]] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

/** The root rule's key, if it is given. */
function accessKey({ emulator }: BrokerOptions): string | undefined {
  const given = process.env['RETRAIN_ACCESS_KEY'] || undefined;
  if (emulator && given !== undefined)
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      '--emulator has a key of its own: unset RETRAIN_ACCESS_KEY, or start without --emulator',
    );
  return emulator ? EMULATOR_KEY : given;
}

/** What flags and file declare together; where neither declares anything there is the default queue. */
async function declaredIn({ queue, config, fromInfra, infra }: BrokerOptions): Promise<DeclaredEntities> {
  const queues = queue?.map(parseQueueFlag) ?? [];
  if (infra !== undefined && fromInfra === undefined)
    throw new RetrainError('ARGUMENT_INVALID', '--infra goes with --from-infra: name the stack, too');
  if (config === undefined && fromInfra === undefined)
    return queue ? { queues } : { queues, queuesIfMissing: [DEFAULT_QUEUE] };
  const parts = [{ queues, topics: [] }, ...(await declaredInFiles({ config, fromInfra, infra }))];
  return { queues: parts.flatMap((part) => part.queues), topics: parts.flatMap(({ topics }) => topics) };
}

async function declaredInFiles(given: {
  readonly config: string | undefined;
  readonly fromInfra: string | undefined;
  readonly infra: string | undefined;
}): Promise<NamespaceDescription[]> {
  const { config, fromInfra, infra } = given;
  const found: NamespaceDescription[] = [];
  if (config !== undefined) {
    const { readTopology } = await import('./topology-input.ts');
    const onRemark = (remark: string): void => console.error(`retrain: warning: ${remark}`);
    found.push(await readTopology(config, { files, stdin: process.stdin, onRemark }));
  }
  if (fromInfra !== undefined) {
    const { readStackTopology } = await import('./stack-input.ts');
    found.push(await readStackTopology(fromInfra, { folder: infra, files }));
  }
  return found;
}

async function runBroker(options: BrokerOptions): Promise<void> {
  using interrupt = new Interrupt();
  const key = accessKey(options);
  const tls = parseTlsFlags(options);
  const broker = await startServer({
    dataFolder: resolve(options.data),
    amqpPort: options.amqpPort,
    httpPort: options.httpPort,
    host: options.host,
    ...(await declaredIn(options)),
    ...(key !== undefined && { key }),
    ...(tls && { tls }),
    rules: options.accessRule?.map(parseAccessRuleFlag) ?? [],
    auth: options.auth,
    allowAnyone: options.allowAnyone ?? false,
    settings: settingsIn(options),
    onFault: (fault) =>
      console.error(`retrain: fault in the broker: ${options.verbose ? stackOf(fault) : String(fault)}`),
  });
  try {
    if (options.auth === 'none')
      console.error(
        'retrain: warning: --auth none: whoever reaches the port may do everything, whatever key or token they give',
      );
    const { connectionString, accessRules, amqpPort, httpPort, connect, trustFile } = broker;
    const trust = trustFile === undefined ? {} : { trustFile };
    const ready: BrokerReady = {
      connectionString,
      accessRules,
      amqpPort,
      httpPort,
      pid: process.pid,
      connect,
      ...trust,
    };
    if (options.json) console.log(JSON.stringify(ready));
    else announce(ready, options);
    const failure = await Promise.race([broker.failed, interrupt.happened]);
    if (failure) throw failure;
    if (!options.json) console.log('stopping; a second Ctrl-C ends at once');
  } finally {
    await broker.close();
  }
}

function announce(ready: BrokerReady, { data, host, tls, tlsCert }: BrokerOptions): void {
  const { connectionString, accessRules, httpPort, pid, connect, trustFile } = ready;
  console.log(`broker ready, process ${pid}, data in ${resolve(data)}`);
  console.log(`connection string  ${connectionString}`);
  if (tls ?? tlsCert) console.log(`with TLS           ${connect.javascript.data.connectionString}`);
  if (trustFile !== undefined)
    console.log(
      `to trust it        ${trustFile}: NODE_EXTRA_CA_CERTS (JavaScript), SSL_CERT_FILE (Go, .NET), connection_verify (Python), keytool (Java)`,
    );
  for (const rule of accessRules) {
    const scope = rule.queue === undefined ? '' : `@${rule.queue}`;
    console.log(`${rule.name}=${rule.rights.join()}${scope}  ${rule.connectionString}`);
  }
  console.log(`health             http://${host.includes(':') ? `[${host}]` : host}:${httpPort}${HEALTH_PATH}`);
  console.log('other SDKs         --json, and docs/connect.md');
  console.log('Ctrl-C stops it; what it has accepted stays in the data folder.');
}
