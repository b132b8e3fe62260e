import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { registrySettingsSchema } from '../../../src/retraining/registries/registry-settings.ts';

type AzureBlob = Readonly<Record<string, unknown>>;

const ACCOUNT = 'https://contoso.blob.core.windows.net';

function placeOf(azureBlob: AzureBlob): { accountUrl: string | undefined; container: string | undefined } {
  const settings = registrySettingsSchema.parse({ azureBlob }).azureBlob;
  return { accountUrl: settings?.accountUrl, container: settings?.container };
}

function problemsOf(azureBlob: AzureBlob): string[] {
  const { error } = registrySettingsSchema.safeParse({ azureBlob });
  return (error?.issues ?? []).map(({ path, message }) => `${path.slice(1).join('.')}: ${message}`);
}

describe('the registry in Azure Blob Storage', () => {
  test('is found by the address of its container, as by account and name', () => {
    const place = { accountUrl: ACCOUNT, container: 'models' };
    assert.deepEqual(placeOf(place), place);
    assert.deepEqual(placeOf({ containerUrl: `${ACCOUNT}/models` }), place);
    assert.deepEqual(placeOf({ containerUrl: `${ACCOUNT}/models/` }), place);
  });
  test('may be in an emulator, whose account is a part of the path', () => {
    assert.deepEqual(placeOf({ containerUrl: 'http://127.0.0.1:10000/devstoreaccount1/models' }), {
      accountUrl: 'http://127.0.0.1:10000/devstoreaccount1',
      container: 'models',
    });
  });
  test('an address without a container, with one that Azure does not take, or with a signature is refused', () => {
    for (const containerUrl of [
      ACCOUNT,
      `${ACCOUNT}/`,
      `${ACCOUNT}/Models`,
      `${ACCOUNT}/models?sv=1`,
      `${ACCOUNT}/m`,
    ]) {
      const [problem, ...others] = problemsOf({ containerUrl });
      assert.match(problem ?? '', /^containerUrl: give the address of a container, such as https:/, containerUrl);
      assert.deepEqual(others, []);
    }
  });
  test('is named in one way', () => {
    const one = ': give exactly one of containerUrl, accountUrl and connectionString';
    assert.deepEqual(problemsOf({ container: 'models' }), [one]);
    assert.deepEqual(problemsOf({ container: 'models', accountUrl: ACCOUNT, connectionString: 'A=B' }), [one]);
    assert.match(problemsOf({ accountUrl: ACCOUNT }).join('\n'), /^container: give the name of the container/);
    assert.match(
      problemsOf({ containerUrl: `${ACCOUNT}/models`, container: 'models' }).join('\n'),
      /^container: give the name of the container, unless/,
    );
  });
  test('takes a signature with an address only', () => {
    assert.deepEqual(problemsOf({ containerUrl: `${ACCOUNT}/models`, sas: 'sv=1' }), []);
    assert.match(problemsOf({ container: 'models', connectionString: 'A=B', sas: 'sv=1' }).join('\n'), /^sas: a sas/);
  });
});
