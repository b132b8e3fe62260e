import assert from 'node:assert/strict';
import { parseTopologyFile, ConfigurationFileError } from '../../src/topology/file/index.ts';

/** What is said about a file that cannot be used, one line each. */
export async function refusals(text: string, file = 'f.yaml'): Promise<readonly string[]> {
  try {
    await parseTopologyFile(text, file);
  } catch (error) {
    assert.ok(error instanceof ConfigurationFileError, String(error));
    assert.equal(error.code, 'CONFIGURATION_INVALID');
    assert.doesNotMatch(error.message, /\n/, 'the message is one line');
    for (const line of error.problems) assert.ok(error.message.includes(line));
    return error.problems;
  }
  assert.fail('the file was taken');
}
