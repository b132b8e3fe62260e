import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ServiceBusClient } from '@azure/service-bus';
import type { BrokerReady } from '../../src/cli/broker.ts';
import type { MessageJson } from '../../src/cli/message-json.ts';
import { runCli, startBroker, startCli, temporaryFolder } from './cli-process.ts';
import type { Cli, CliOptions, Finished } from './cli-process.ts';

/** A broker of its own for a test, and the commands that are run against it. */
export class CliBench {
  readonly folder: string;
  readonly connectionString: string;
  readonly accessRules: BrokerReady['accessRules'];
  readonly #t: TestContext;
  readonly #env: Record<string, string>;

  private constructor(t: TestContext, broker: BrokerReady & { folder: string; env: Record<string, string> }) {
    this.#t = t;
    this.folder = broker.folder;
    this.connectionString = broker.connectionString;
    this.accessRules = broker.accessRules;
    this.#env = broker.env;
  }

  /** With queues as `retrain broker --queue` takes them, and other flags. */
  static async open(t: TestContext, ...given: string[]): Promise<CliBench> {
    const folder = await temporaryFolder(t);
    const args = given.flatMap((each) => (each.startsWith('--') ? [each] : ['--queue', each]));
    return new CliBench(t, { folder, ...(await startBroker(t, { data: join(folder, 'broker'), args })) });
  }

  start(args: readonly string[], options: CliOptions = {}): Cli {
    return startCli(this.#t, args, { env: this.#env, ...options });
  }

  run(args: readonly string[], stdin?: string): Promise<Finished> {
    return runCli(args, { env: this.#env, ...(stdin !== undefined && { stdin }) });
  }

  /** What it prints, when all is well. */
  async ok(args: readonly string[], stdin?: string): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, stdin);
    assert.equal(code, 0, stderr);
    return stdout;
  }

  async peek(entity: string, ...args: string[]): Promise<MessageJson[]> {
    return lines(await this.ok(['peek', entity, '--json', ...args]));
  }

  client(): ServiceBusClient {
    const client = new ServiceBusClient(this.connectionString, { retryOptions: { maxRetries: 0 } });
    this.#t.after(() => client.close());
    return client;
  }
}

/** Lines of JSON. */
export function lines<T = MessageJson>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}
