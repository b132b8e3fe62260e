import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { monitorSettingsSchema } from '../../../src/retraining/monitors/monitor-settings.ts';
import type { MonitorSettingsInput } from '../../../src/retraining/monitors/monitor-settings.ts';
import type { MonitorFact } from '../../../src/retraining/monitors/monitor-log.ts';
import { MonitorRunner } from '../../../src/retraining/monitors/monitor-runner.ts';
import type { MonitorRunnerOptions } from '../../../src/retraining/monitors/monitor-runner.ts';
import { requestId } from '../../../src/retraining/identity.ts';
import { parseRequest } from '../../../src/retraining/request.ts';
import type { RetrainRequest, RetrainRequestInput } from '../../../src/retraining/request.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { temporaryFolder } from '../temporary-folder.ts';

export const MAPE: MonitorSettingsInput = {
  name: 'mape',
  source: { csv: 'errors.csv' },
  metric: 'mape',
  ratio: 1.5,
  window: { count: 2 },
  baseline: 2,
};

/** A folder with a source and a state, runners one after the other, and what they sent and told. */
export class MonitorScene {
  readonly folder: string;
  readonly sent: RetrainRequest[] = [];
  /** Ids that the producer would give. */
  readonly ids: string[] = [];
  readonly facts: MonitorFact[] = [];
  /** What a send does before it is through. */
  sending: () => Promise<void> | void = () => undefined;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(t: TestContext): Promise<MonitorScene> {
    return new MonitorScene(await temporaryFolder(t));
  }

  get errors(): string {
    return join(this.folder, 'errors.csv');
  }

  /** Adds a row for each value, a day apart. */
  async observe(...values: (number | string)[]): Promise<void> {
    const rows = values.map((value) => `${new Date(86_400_000 * this.#day++).toISOString()},${value}\n`);
    await appendFile(this.errors, (this.#begun ? '' : 'time,mape\n') + rows.join(''));
    this.#begun = true;
  }
  #day = 0;
  #begun = false;

  runner(
    monitors: MonitorSettingsInput | readonly MonitorSettingsInput[] = MAPE,
    { watching, ...options }: Partial<Omit<MonitorRunnerOptions, 'send'>> & { watching?: true } = {},
  ): MonitorRunner {
    const list = Array.isArray(monitors) ? (monitors as MonitorSettingsInput[]) : [monitors as MonitorSettingsInput];
    return new MonitorRunner({
      models: new Map([['births', list.map((settings) => monitorSettingsSchema.parse(settings))]]),
      folder: join(this.folder, 'state', 'monitors'),
      observationFolder: join(this.folder, 'state', 'observations'),
      baseFolder: this.folder,
      log: (fact) => this.facts.push(fact),
      ...options,
      ...(!watching && { send: (_, input) => this.#send(input) }),
    });
  }

  async #send(input: RetrainRequestInput): Promise<{ id: string }> {
    const request = parseRequest(input);
    await this.sending();
    const id = requestId(request, { time: new Date(0).toISOString(), random: systemRandom });
    this.sent.push(request);
    this.ids.push(id);
    return { id };
  }

  /** Reads what is there to its end, as a process of its own would. */
  async once(...given: Parameters<MonitorScene['runner']>): Promise<{ failed: number }> {
    await using runner = this.runner(...given);
    return await runner.once();
  }

  told(fact: MonitorFact['fact']): MonitorFact[] {
    return this.facts.filter((one) => one.fact === fact);
  }

  /** What the windows meant that closed since the last call. */
  windows(): string {
    const kinds = this.facts.flatMap((fact) => (fact.fact === 'window-closed' ? fact.kind : []));
    this.facts.length = 0;
    return kinds.join(' ');
  }
}
