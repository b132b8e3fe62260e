import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  BlobServiceClient,
  ContainerSASPermissions,
  StorageSharedKeyCredential,
  generateBlobSASQueryParameters,
} from '@azure/storage-blob';
import { modelPath } from '../../../src/retraining/model-name.ts';
import { AzureBlobRegistry } from '../../../src/retraining/registries/azure-blob-registry.ts';
import { BlobArtifacts } from '../../../src/retraining/registries/blob-artifacts.ts';
import { BlobContainer } from '../../../src/retraining/registries/blob-container.ts';
import { BlobDocuments } from '../../../src/retraining/registries/blob-documents.ts';
import { StoredRegistry } from '../../../src/retraining/registries/stored-registry.ts';
import { isRemote } from '../../../src/retraining/trainers/run-result.ts';
import { files } from '../../../src/runtime/files.ts';
import { systemRandom as random } from '../../../src/runtime/random.ts';
import { FakeClock } from '../../fake-clock.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { folderOf, promotionOf, resultOf } from './artifact-fixture.ts';
import { startAzurite } from './azurite.ts';
import type { Azurite } from './azurite.ts';
import { registrySuite } from './registry-suite.ts';
import { HISTORY, REJECTED } from './registry-under-test.ts';

let azurite: Azurite;
before(async () => void (azurite = await startAzurite()));
after(() => azurite.stop());

let containers = 0;

/** Every test has a container of its own. */
function accessOf() {
  return { connectionString: azurite.connectionString, container: `registry-${++containers}`, createContainer: true };
}

/** A process that dies before the `step`th change of the store. */
class DyingContainer extends BlobContainer {
  #left: number;

  constructor(access: ConstructorParameters<typeof BlobContainer>[0], step: number) {
    super(access);
    this.#left = step;
  }

  #alive(): void {
    if (--this.#left <= 0) throw new Error('the process died');
  }

  override async writeText(...args: Parameters<BlobContainer['writeText']>): Promise<boolean> {
    this.#alive();
    return super.writeText(...args);
  }

  override async upload(...args: Parameters<BlobContainer['upload']>): Promise<void> {
    this.#alive();
    return super.upload(...args);
  }

  override async remove(...args: Parameters<BlobContainer['remove']>): Promise<void> {
    this.#alive();
    return super.remove(...args);
  }
}

function registryOn(container: BlobContainer): StoredRegistry {
  const prefix = 'team/models/';
  const artifacts = new BlobArtifacts({ container, prefix, files });
  const documents = new BlobDocuments({
    container,
    prefix,
    addressIn: (model) => (artifact) => (isRemote(artifact) ? artifact : artifacts.addressOf(model, artifact)),
  });
  const retention = { history: HISTORY, rejected: REJECTED };
  return new StoredRegistry({ documents, artifacts, retention, files, clock: new FakeClock(), random });
}

registrySuite({
  name: 'Azure Blob registry',
  prepare: async () => {
    const access = accessOf();
    return {
      open: () =>
        new AzureBlobRegistry({
          ...access,
          prefix: 'team/models',
          history: HISTORY,
          rejected: REJECTED,
          files,
          clock: new FakeClock(),
          random,
        }),
      dying: (step) => registryOn(new DyingContainer(access, step)),
    };
  },
});

async function namesIn(container: string): Promise<string[]> {
  const names: string[] = [];
  const service = BlobServiceClient.fromConnectionString(azurite.connectionString);
  for await (const { name } of service.getContainerClient(container).listBlobsFlat()) names.push(name);
  return names;
}

test('the names of the blobs are those that serving looks for: aliases, and the artifact under its own name', async (t) => {
  const access = accessOf();
  const registry = new AzureBlobRegistry({ ...access, prefix: 'p' });
  const result = await resultOf(t, { epoch: 1, output: await folderOf(t, 'run-1') });
  await registry.keep('m', result);
  const place = `p/${modelPath('m')}`;
  const artifact = `${place}/artifacts/0000000001-run-1`;
  assert.deepEqual(await namesIn(access.container), [
    `${artifact}.manifest.json`,
    `${artifact}/saved model/assets/nothing`,
    `${artifact}/saved model/assets/vocabulary ä.txt`,
    `${artifact}/saved model/weights.bin`,
    `${place}/challenger.json`,
    `${place}/registry.json`,
  ]);
  const champion = await registry.promote('m', { ...result, expectedEpoch: 0 });
  const alias = `${azurite.accountUrl}/${access.container}/${place}/artifacts/0000000001-run-1/saved%20model`;
  assert.equal(champion.artifact, alias);
  const names = await namesIn(access.container);
  assert.ok(names.includes(`${place}/champion.json`) && !names.includes(`${place}/challenger.json`));
});

test('what a crash left of an upload is removed when the champion changes, and what is needed is not', async (t) => {
  const access = accessOf();
  const registry = new AzureBlobRegistry(access);
  const output = await folderOf(t, 'run-1');
  const dying = registryOn(new DyingContainer(access, 2));
  await assert.rejects(dying.keep('m', await resultOf(t, { epoch: 1, output })), /died/);
  const service = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient(access.container);
  const left = `${modelPath('m')}/artifacts/0000000001-run-1/saved model/weights.bin`;
  await service.getBlockBlobClient(left).upload('half', 4);
  const champion = await registry.promote('m', await promotionOf(t, { epoch: 2 }));
  const names = await namesIn(access.container);
  assert.ok(!names.includes(left), names.join());
  assert.equal(await registry.verify('m', champion), true);
});

test('an artifact of many blocks goes up and comes down as a stream', async (t) => {
  const registry = new AzureBlobRegistry(accessOf());
  const artifact = join(await temporaryFolder(t), 'weights.bin');
  const block = random.bytes(1024 * 1024);
  await files.write(
    artifact,
    (async function* () {
      for (let i = 0; i < 20; i++) yield Buffer.concat([Buffer.from([i]), block]);
    })(),
  );
  const digest = (await files.digest(artifact)) ?? '';
  const kept = await registry.keep('m', await resultOf(t, { epoch: 1, output: { artifact, digest } }));
  const copy = await registry.fetch('m', kept, await temporaryFolder(t));
  assert.equal(await files.digest(copy), digest);
  // Another worker, which believes to hold the session, too, does the same at the same time.
  const result = await resultOf(t, { epoch: 2, output: { artifact, digest } });
  const both = await Promise.all([1, 2].map(() => registry.keep('m', result)));
  for (const one of both) assert.equal(await registry.verify('m', one), true);
});

test('an artifact that somebody damaged is not verified, not fetched, and no rollback goes there', async (t) => {
  const access = accessOf();
  const registry = new AzureBlobRegistry(access);
  const champion = await registry.promote('m', await promotionOf(t, { epoch: 1 }));
  await registry.promote('m', await promotionOf(t, { epoch: 2, expectedEpoch: 1 }));
  const service = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient(access.container);
  const name = `${modelPath('m')}/artifacts/0000000001-run-1/model.json`;
  // Of the same size: only whoever reads it can tell.
  await service.getBlockBlobClient(name).upload('MODEL of run-1', 14);
  await assert.rejects(registry.fetch('m', champion, await temporaryFolder(t)), { code: 'DATA_CORRUPT' });
  await service.getBlockBlobClient(name).upload('short', 5);
  assert.equal(await registry.verify('m', champion), false);
  await assert.rejects(registry.rollback('m', { expectedEpoch: 2 }), {
    code: 'DATA_CORRUPT',
    message: /is gone or was/,
  });
  await service.deleteBlob(name);
  await assert.rejects(registry.fetch('m', champion, await temporaryFolder(t)), { code: 'DATA_CORRUPT' });
  assert.equal((await registry.read('m')).epoch, 2);
});

test('a name with characters that mean something in addresses comes back as it was', async (t) => {
  const registry = new AzureBlobRegistry(accessOf());
  const artifact = join(await temporaryFolder(t), 'model #1 50%?&+ä.json');
  await files.writeAtomic(artifact, 'x');
  const digest = (await files.digest(artifact)) ?? '';
  const { artifact: address } = await registry.keep('m', await resultOf(t, { epoch: 1, output: { artifact, digest } }));
  // By its address alone, as somebody else knows it.
  const ref = { runId: 'somebody', digest, artifact: address };
  assert.equal(await registry.verify('m', ref), true);
  assert.equal(await files.digest(await registry.fetch('m', ref, await temporaryFolder(t))), digest);
});

test('names that no blob can have are refused before anything is uploaded', async (t) => {
  const access = accessOf();
  const registry = new AzureBlobRegistry(access);
  for (const name of ['a\\b', 'ends.', `${'x'.repeat(200)}/${'y'.repeat(200)}/`.repeat(3)]) {
    const artifact = join(await temporaryFolder(t), 'out');
    await files.writeAtomic(join(artifact, name, 'file'), 'x');
    const digest = (await files.digest(artifact)) ?? '';
    const result = await resultOf(t, { epoch: 1, output: { artifact, digest } });
    await assert.rejects(registry.keep('m', result), {
      code: 'ARGUMENT_INVALID',
      message: /cannot be the name of a blob/,
    });
  }
  assert.deepEqual(await new AzureBlobRegistry(access).list(), []);
});

function sasFor(container: string, permissions: string): string {
  const [, account = '', key = ''] = /AccountName=(\w+);AccountKey=([^;]+)/.exec(azurite.connectionString) ?? [];
  const credential = new StorageSharedKeyCredential(account, key);
  const expiresOn = new Date('2999-01-01T00:00:00Z');
  const parsed = ContainerSASPermissions.parse(permissions);
  return generateBlobSASQueryParameters(
    { containerName: container, permissions: parsed, expiresOn },
    credential,
  ).toString();
}

test('a shared access signature is enough, is no part of addresses, and what it does not allow is said', async (t) => {
  const { container } = accessOf();
  const service = BlobServiceClient.fromConnectionString(azurite.connectionString);
  await service.getContainerClient(container).create();
  const { accountUrl } = azurite;
  const registry = new AzureBlobRegistry({ accountUrl, container, sas: `?${sasFor(container, 'rwdl')}` });
  const champion = await registry.promote('m', await promotionOf(t, { epoch: 1 }));
  assert.match(champion.artifact, /model\.json$/);
  const reader = new AzureBlobRegistry({ accountUrl, container, sas: sasFor(container, 'rl') });
  assert.equal((await reader.read('m')).epoch, 1);
  const promotion = await promotionOf(t, { epoch: 2, expectedEpoch: 1 });
  await assert.rejects(reader.promote('m', promotion), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'UNAUTHORIZED');
    assert.match(error.message, /refuses us \(403 .*must allow to read, write, delete and list/);
    assert.doesNotMatch(error.message, /sig=/);
    return true;
  });
});

test('a token credential is asked for a token of the storage service', async () => {
  const scopes: unknown[] = [];
  const credential = {
    getToken: (scope: string | string[]) => {
      scopes.push(scope);
      return Promise.reject(Object.assign(new Error('nobody signed in'), { name: 'CredentialUnavailableError' }));
    },
  };
  // The library sends tokens over https alone; it asks for one before it connects.
  const registry = new AzureBlobRegistry({ accountUrl: 'https://127.0.0.1:1', container: 'models', credential });
  await assert.rejects(registry.read('m'), { code: 'UNAUTHORIZED', message: /no token for the container models/ });
  assert.deepEqual(scopes[0], ['https://storage.azure.com/.default']);
});

test('what cannot work is said with its remedy: no container, nobody there, no way to sign in, no connection string', async () => {
  const { connectionString } = azurite;
  await assert.rejects(new AzureBlobRegistry({ connectionString, container: 'missing' }).read('m'), {
    code: 'CONFIGURATION_INVALID',
    message: /the container missing does not exist: make it, or set createContainer/,
  });
  assert.throws(() => new AzureBlobRegistry({ accountUrl: 'https://a.example', container: 'models' }), {
    code: 'CONFIGURATION_INVALID',
    message: /no way to sign in/,
  });
  await assert.rejects(
    new AzureBlobRegistry({ connectionString: 'AccountKey=secret', container: 'models' }).read('m'),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, 'CONFIGURATION_INVALID');
      assert.doesNotMatch(error.message, /secret/);
      return true;
    },
  );
});

const RACER = fileURLToPath(new URL('./blob-racer.js', import.meta.url));

test('two processes that race for the same epochs: each epoch has one champion, and nobody believes to have won in vain', async (t) => {
  const { connectionString, container } = accessOf();
  const folder = await temporaryFolder(t);
  const racers = ['a', 'b'].map((name) => {
    const argument = JSON.stringify({ connectionString, container, name, folder: join(folder, name), rounds: 12 });
    const child = fork(RACER, [argument], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const exit = once(child, 'exit');
    t.after(() => child.kill('SIGKILL'));
    return { message: once(child, 'message'), exit };
  });
  const won = (await Promise.all(racers.map(({ message }) => message))).map(([told]) => told as { wins: string[] });
  await Promise.all(racers.map(({ exit }) => exit));
  const registry = new AzureBlobRegistry({ connectionString, container, history: 200 });
  const history = await registry.history('m');
  assert.deepEqual(history.map(({ runId }) => runId).sort(), won.flatMap(({ wins }) => wins).sort());
  const epochs = history.map(({ epoch }) => epoch);
  assert.deepEqual(
    epochs,
    [...new Set(epochs)].sort((a, b) => b - a),
  );
  assert.ok(history.length >= 12, `${history.length} promotions`);
});
