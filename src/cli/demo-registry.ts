import { files } from '../runtime/files.ts';
import { RetrainError } from '../errors.ts';
import { mape, serializeModel } from '../demo/births-model.ts';
import type { BirthsModel } from '../demo/births-model.ts';
import type { BirthDay } from '../demo/features.ts';
import type { ServingChampion } from '../demo/replay.ts';
import type { Registry } from '../retraining/registries/registry.ts';

const FIRST_RUN_ID = 'first-model';

/** Makes the first model the champion, as somebody would who puts a model into service. */
export async function promoteFirst(
  registry: Registry,
  {
    name,
    model,
    fittedOn,
    artifact,
  }: { name: string; model: BirthsModel; fittedOn: readonly BirthDay[]; artifact: string },
): Promise<void> {
  await files.writeAtomic(artifact, serializeModel(model));
  const digest = await files.digest(artifact);
  await registry.promote(name, {
    expectedEpoch: 0,
    epoch: 1,
    runId: FIRST_RUN_ID,
    artifact,
    digest: digest ?? '',
    metrics: { challenger: { mape: mape(model, fittedOn) } },
  });
}

/** The model that serves now; the registry is the truth. */
export async function servingChampion(registry: Registry, name: string): Promise<ServingChampion> {
  const { champion, epoch } = await registry.read(name);
  const text = champion && (await files.readText(champion.artifact));
  if (!champion || text === undefined)
    throw new RetrainError('DATA_CORRUPT', `the registry has no champion of ${name}: start the demo again`);
  return { epoch, artifact: text, origin: champion.artifact };
}
