import { join } from 'node:path';
import { RetrainError } from '../../../src/errors.ts';
import { AzureBlobRegistry } from '../../../src/retraining/registries/azure-blob-registry.ts';
import { files } from '../../../src/runtime/files.ts';

// A process that promotes again and again, each time against the champion that it has just read; a second one does the same.

const { connectionString, container, name, folder, rounds } = JSON.parse(process.argv[2] ?? '{}') as {
  readonly connectionString: string;
  readonly container: string;
  readonly name: string;
  readonly folder: string;
  readonly rounds: number;
};
const registry = new AzureBlobRegistry({ connectionString, container, createContainer: true, history: 200 });
const wins: string[] = [];
let lost = 0;
for (let round = 1; round <= rounds; round++) {
  const { epoch: expectedEpoch } = await registry.read('m');
  const runId = `${name}-${round}`;
  const artifact = join(folder, `${runId}.json`);
  await files.writeAtomic(artifact, runId);
  const digest = (await files.digest(artifact)) ?? '';
  const run = { runId, epoch: expectedEpoch + 1, artifact, digest, metrics: { challenger: { mape: round } } };
  try {
    await registry.keep('m', { ...run, championEpoch: expectedEpoch });
    await registry.promote('m', { ...run, expectedEpoch });
    wins.push(runId);
  } catch (error) {
    if (!(error instanceof RetrainError) || error.code !== 'REGISTRY_CONFLICT') throw error;
    lost++;
  }
}
process.send?.({ wins, lost }, () => process.disconnect());
