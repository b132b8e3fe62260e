import { z } from 'zod';
import { RetrainError } from '../../errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Metrics } from '../gate.ts';
import { checkedAnswer, tagList } from './mlflow-answer.ts';
import type { MlflowClient } from './mlflow-client.ts';

const runSchema = z.object({ info: z.object({ run_id: z.string(), artifact_uri: z.string() }) });
const experimentSchema = z.object({ experiment_id: z.string() });

export interface TrainedRun {
  readonly runId: string;
  readonly epoch: number;
  readonly metrics: Metrics;
}

/** Where MLflow keeps a run's artifacts: `<experiment>/<run>`, as its artifact store calls them. */
export interface MlflowRun {
  readonly id: string;
  readonly experiment: string;
}

/** Runs of trainers as runs of MLflow, one for each execution, found again by their tags. */
export class MlflowRuns {
  readonly #client: MlflowClient;
  readonly #clock: Clock;
  readonly #name: string;
  #experiment: Promise<string> | undefined;

  constructor({ client, clock, experiment }: { client: MlflowClient; clock: Clock; experiment: string }) {
    this.#client = client;
    this.#clock = clock;
    this.#name = experiment;
  }

  /** The run of MLflow that stands for a run of a trainer; it is made with the run's metrics when there is none. */
  async ensure(model: string, { runId, epoch, metrics }: TrainedRun): Promise<MlflowRun> {
    const experiment = await this.#experimentId();
    const tags = { 'retrain.model': model, 'retrain.run_id': runId, 'retrain.epoch': String(epoch) };
    const filter = Object.entries(tags)
      .map(([key, value]) => `tags.\`${key}\` = '${value}'`)
      .join(' and ');
    const found = await this.#client.ask({
      method: 'POST',
      path: 'runs/search',
      body: { experiment_ids: [experiment], filter, max_results: 1 },
    });
    const searched = z.object({ runs: z.array(runSchema).default([]) });
    const [known] = checkedAnswer(searched, found, 'runs/search').runs;
    return placeIn(known ?? (await this.#make(experiment, { runId, tags, metrics })));
  }

  async #make(
    experiment: string,
    { runId, tags, metrics }: { runId: string; tags: Readonly<Record<string, string>>; metrics: Metrics },
  ): Promise<z.output<typeof runSchema>> {
    const timestamp = this.#clock.wallMs();
    const made = await this.#client.ask({
      method: 'POST',
      path: 'runs/create',
      body: { experiment_id: experiment, run_name: runId, start_time: timestamp, tags: tagList(tags) },
      once: true,
    });
    const { run } = checkedAnswer(z.object({ run: runSchema }), made, 'runs/create');
    const { run_id: id } = run.info;
    const values = Object.entries(metrics.challenger).map(([key, value]) => ({ key, value, timestamp, step: 0 }));
    await this.#client.ask({ method: 'POST', path: 'runs/log-batch', body: { run_id: id, metrics: values } });
    const end = { run_id: id, status: 'FINISHED', end_time: timestamp };
    await this.#client.ask({ method: 'POST', path: 'runs/update', body: end });
    return run;
  }

  #experimentId(): Promise<string> {
    return (this.#experiment ??= this.#findExperiment().catch((error: unknown) => {
      this.#experiment = undefined;
      throw error;
    }));
  }

  async #findExperiment(): Promise<string> {
    const path = 'experiments/get-by-name';
    const get = () => this.#client.ask({ method: 'GET', path, query: { experiment_name: this.#name } });
    let answer = await get();
    if (answer === undefined) {
      try {
        await this.#client.ask({ method: 'POST', path: 'experiments/create', body: { name: this.#name }, once: true });
      } catch (error) {
        // Another worker may have made it meanwhile: what counts is whether it is there.
        if ((await get()) === undefined) throw error;
      }
      answer = await get();
    }
    return checkedAnswer(z.object({ experiment: experimentSchema }), answer, path).experiment.experiment_id;
  }
}

function placeIn({ info }: z.output<typeof runSchema>): MlflowRun {
  const [, experiment, id] =
    /^mlflow-artifacts:(?:\/\/[^/]*)?\/([^/]+)\/([^/]+)\/artifacts$/.exec(info.artifact_uri) ?? [];
  if (experiment !== undefined && id === info.run_id) return { experiment, id };
  throw new RetrainError(
    'CONFIGURATION_INVALID',
    `MLflow keeps artifacts at ${info.artifact_uri}, which only its own host reaches: start it with --serve-artifacts, or have the trainer store its artifact elsewhere and name it by a URI`,
  );
}
