import { systemClock } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import { files as systemFiles } from '../../runtime/files.ts';
import type { Files } from '../../runtime/files.ts';
import { systemRandom } from '../../runtime/random.ts';
import type { Random } from '../../runtime/random.ts';
import { isRemote } from '../trainers/run-result.ts';
import { MlflowArtifacts } from './mlflow-artifacts.ts';
import { MlflowClient } from './mlflow-client.ts';
import type { MlflowAccess } from './mlflow-client.ts';
import { MlflowDocuments } from './mlflow-documents.ts';
import { MlflowRuns } from './mlflow-runs.ts';
import { HISTORY_DEFAULT, REJECTED_DEFAULT } from './registry.ts';
import { StoredRegistry } from './stored-registry.ts';

const DEFAULT_EXPERIMENT = 'retrain';

export interface MlflowRegistryOptions extends MlflowAccess {
  /** Experiment that runs are logged to; made when missing. `retrain` unless given. */
  readonly experiment?: string;
  /** Champions of a model that are kept with their artifacts, the present one included; `HISTORY_DEFAULT`. */
  readonly history?: number;
  /** Artifacts of a model that are kept although their runs were not promoted; `REJECTED_DEFAULT`. */
  readonly rejected?: number;
  readonly files?: Files;
  readonly clock?: Clock;
  readonly random?: Random;
  /** In place of the one that `trackingUri` and the clock make. */
  readonly client?: MlflowClient;
}

/**
 * A registry in MLflow: each model is a registered model, each artifact one of its versions, and the aliases `champion` and
 * `challenger` name two of them. Runs are logged with their metrics. The guarantee is a lesser one, see `MlflowDocuments`.
 */
export class MlflowRegistry extends StoredRegistry {
  constructor(options: MlflowRegistryOptions) {
    const { files = systemFiles, clock = systemClock, random = systemRandom } = options;
    const { history = HISTORY_DEFAULT, rejected = REJECTED_DEFAULT, experiment = DEFAULT_EXPERIMENT } = options;
    const client = options.client ?? new MlflowClient(options, clock);
    const runs = new MlflowRuns({ client, clock, experiment });
    const artifacts = new MlflowArtifacts({ client, runs, files });
    const documents = new MlflowDocuments({
      client,
      runs,
      addressIn: (model) => (artifact) => addressOf(artifacts, model, artifact),
    });
    super({ documents, artifacts, retention: { history, rejected }, files, clock, random });
  }
}

function addressOf(artifacts: MlflowArtifacts, model: string, artifact: string): string {
  return isRemote(artifact) ? artifact : artifacts.addressOf(model, artifact);
}
