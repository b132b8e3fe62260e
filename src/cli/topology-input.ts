import { RetrainError } from '../errors.ts';
import type { Files } from '../runtime/files.ts';
import { type NamespaceDescription } from '../topology/index.ts';
import { parseTopologyFile } from '../topology/file/index.ts';

/** What a file that declares a namespace may have: ten thousand queues with all their properties. */
const FILE_MAX_BYTES = 16 * 1024 * 1024;

/** What a file declares: one of ours, or Config.json of Microsoft's emulator. `onRemark` is told what was read otherwise than it is written. */
export async function readTopology(
  path: string,
  { files, stdin, onRemark }: { files: Files; stdin: AsyncIterable<Buffer>; onRemark: (remark: string) => void },
): Promise<NamespaceDescription> {
  const text = path === '-' ? await textOf(stdin) : await readFile(files, path);
  if (text === undefined)
    throw new RetrainError('ARGUMENT_INVALID', `there is no file '${path}': correct the path, or use - for stdin`);
  const { namespace, remarks } = await parseTopologyFile(text, path === '-' ? 'stdin' : path);
  for (const remark of remarks) onRemark(remark);
  return namespace;
}

async function readFile(files: Files, path: string): Promise<string | undefined> {
  try {
    return await files.readText(path, { maxBytes: FILE_MAX_BYTES });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EISDIR') throw error;
    throw new RetrainError('ARGUMENT_INVALID', `'${path}' is a folder: name a file`, { cause: error });
  }
}

async function textOf(stdin: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stdin) {
    bytes += chunk.length;
    if (bytes > FILE_MAX_BYTES)
      throw new RetrainError('ARGUMENT_INVALID', `stdin is over ${FILE_MAX_BYTES} bytes, which no namespace needs`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
