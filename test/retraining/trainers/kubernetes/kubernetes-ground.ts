import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { KubernetesTrainer } from '../../../../src/retraining/trainers/kubernetes-trainer.ts';
import type { KubernetesTrainerOptions } from '../../../../src/retraining/trainers/kubernetes-trainer.ts';
import { temporaryFolder } from '../run-fixture.ts';
import type { Training, TrainingGround } from '../trainer-suite.ts';
import { kubeconfigOf } from './api-client.ts';
import type { ApiAccess } from './api-client.ts';
import { ClusterPlayer } from './cluster-player.ts';

export const TEMPLATE = {
  spec: { template: { spec: { containers: [{ name: 'train', image: 'example.net/train:1' }] } } },
};

/** Jobs of a namespace, at an API server around which the rest of the cluster is played. */
export class KubernetesGround implements TrainingGround {
  readonly player: ClusterPlayer;
  readonly #folder: string;
  readonly #kubeconfig: string;
  readonly #limits: { readonly maxRunMs?: number };

  constructor(
    t: TestContext,
    {
      access,
      asked = access,
      namespace,
      training,
      limits = {},
    }: {
      /** Of the rest of the cluster. */
      access: ApiAccess;
      /** Of the trainer. */
      asked?: ApiAccess;
      namespace: string;
      training: Training;
      limits?: { maxRunMs?: number };
    },
  ) {
    this.#folder = temporaryFolder(t);
    this.#kubeconfig = join(this.#folder, 'kubeconfig');
    this.#limits = limits;
    writeFileSync(this.#kubeconfig, kubeconfigOf(asked, namespace));
    this.player = new ClusterPlayer(access, { namespace, training });
    t.after(() => this.player.close());
  }

  trainer(options: Partial<KubernetesTrainerOptions> = {}): KubernetesTrainer {
    return new KubernetesTrainer({
      jobTemplate: TEMPLATE,
      kubeconfig: this.#kubeconfig,
      folder: join(this.#folder, 'runs'),
      pollMs: 25,
      graceMs: 1000,
      ...this.#limits,
      ...options,
    });
  }

  begun(): number {
    return this.player.begun;
  }

  atWork(): number {
    return this.player.atWork;
  }

  release(): void {
    this.player.release();
  }
}
