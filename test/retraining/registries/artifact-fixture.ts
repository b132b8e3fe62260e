import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Promotion, RunResultToKeep } from '../../../src/retraining/registries/registry.ts';
import { files } from '../../../src/runtime/files.ts';
import { temporaryFolder } from '../temporary-folder.ts';

export interface Output {
  readonly artifact: string;
  readonly digest: string;
}

/** A run's artifact, a file in a folder of its own. */
export async function outputOf(t: TestContext, runId: string): Promise<Output> {
  const artifact = join(await temporaryFolder(t), 'model.json');
  await files.writeAtomic(artifact, `model of ${runId}`);
  return { artifact, digest: await digestOf(artifact) };
}

/** An artifact that is a folder, with a folder in it that is empty and a file that is. */
export async function folderOf(t: TestContext, runId: string): Promise<Output> {
  const artifact = join(await temporaryFolder(t), 'saved model');
  await files.makeFolder(join(artifact, 'assets', 'empty'));
  await files.writeAtomic(join(artifact, 'weights.bin'), `weights of ${runId}`);
  await files.writeAtomic(join(artifact, 'assets', 'vocabulary ä.txt'), 'a b c');
  await files.writeAtomic(join(artifact, 'assets', 'nothing'), '');
  return { artifact, digest: await digestOf(artifact) };
}

export async function promotionOf(
  t: TestContext,
  { epoch, expectedEpoch = 0, output }: { epoch: number; expectedEpoch?: number; output?: Output },
): Promise<Promotion> {
  const runId = `run-${epoch}`;
  const metrics = { challenger: { mape: epoch } };
  return { expectedEpoch, epoch, runId, metrics, ...(output ?? (await outputOf(t, runId))) };
}

export async function resultOf(
  t: TestContext,
  { epoch, championEpoch = 0, output }: { epoch: number; championEpoch?: number; output?: Output },
): Promise<RunResultToKeep> {
  const { expectedEpoch: _, ...result } = await promotionOf(t, { epoch, ...(output && { output }) });
  return { ...result, championEpoch };
}

export async function digestOf(path: string): Promise<string> {
  const digest = await files.digest(path);
  assert.ok(digest, `nothing at ${path}`);
  return digest;
}
