import { draftOfEmulatorFile, EMULATOR_ROOT } from './emulator-file.ts';
import { problemText, ConfigurationFileError } from '../../document/file-problem.ts';
import { parseFileText } from '../../document/file-text.ts';
import type { NamespaceDescription } from '../namespace.ts';
import { describeNamespace } from './namespace-draft.ts';
import { draftOfFile } from './namespace-file.ts';
import { NamespaceReader } from './namespace-reader.ts';
import { inOrderOfPlace } from '../../document/content-reader.ts';

export interface TopologyFile {
  readonly namespace: NamespaceDescription;
  /** Whose configuration it is: a file with `UserConfig` at its top is that of Microsoft's emulator. */
  readonly format: 'retrain' | 'emulator';
  /** What was read in another way than it is written, one line each. */
  readonly remarks: readonly string[];
}

/**
 * What a configuration declares: Config.json of Microsoft's Service Bus emulator, or a file of ours. Both may be written as JSON with comments
 * or as YAML.
 *
 * @throws ConfigurationFileError with everything that is wrong in the file
 */
export async function parseTopologyFile(text: string, file: string): Promise<TopologyFile> {
  const content = await parseFileText(text, file);
  const { value } = content;
  const reader = new NamespaceReader(content);
  const isEmulator = typeof value === 'object' && value !== null && EMULATOR_ROOT in value;
  const draft = isEmulator ? draftOfEmulatorFile(reader, value) : draftOfFile(reader, value);
  const namespace = describeNamespace(reader, draft);
  if (reader.problems.length > 0) throw new ConfigurationFileError(file, inOrderOfPlace(reader.problems));
  return {
    namespace,
    format: isEmulator ? 'emulator' : 'retrain',
    remarks: reader.remarks.map((remark) => problemText(file, remark)),
  };
}
