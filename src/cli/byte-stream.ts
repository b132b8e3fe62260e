import { RetrainError } from '../errors.ts';

/** Bytes of the biggest message that a queue can be made for (service-bus-quotas, Premium). */
export const BODY_MAX_BYTES = 100 * 1024 * 1024;

/** Bytes of a line that holds a message: a body of the longest, in base64. */
export const LINE_MAX_BYTES = 140 * 1024 * 1024;

const NEWLINE = 0x0a;

/** All bytes of a stream. @throws RetrainError `MESSAGE_TOO_LARGE` above `BODY_MAX_BYTES` */
export async function wholeBody(chunks: AsyncIterable<Buffer>, name: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > BODY_MAX_BYTES)
      throw new RetrainError(
        'MESSAGE_TOO_LARGE',
        `${name} has over ${BODY_MAX_BYTES} bytes, more than any queue takes in one message: send a reference to it`,
      );
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

/** The lines of a stream with their numbers, without empty ones. @throws RetrainError `MESSAGE_TOO_LARGE` above `LINE_MAX_BYTES` */
export async function* linesOf(
  chunks: AsyncIterable<Buffer>,
  name: string,
): AsyncGenerator<{ readonly text: string; readonly place: string }> {
  let number = 0;
  let parts: Buffer[] = [];
  let bytes = 0;
  const take = (): { readonly text: string; readonly place: string } => {
    number += 1;
    const text = Buffer.concat(parts).toString('utf8').trim();
    [parts, bytes] = [[], 0];
    return { text, place: `line ${number} of ${name}` };
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      parts.push(chunk.subarray(from, end));
      from = end + 1;
      const line = take();
      if (line.text !== '') yield line;
    }
    parts.push(chunk.subarray(from));
    bytes += chunk.length - from;
    if (bytes > LINE_MAX_BYTES)
      throw new RetrainError(
        'MESSAGE_TOO_LARGE',
        `line ${number + 1} of ${name} has over ${LINE_MAX_BYTES} bytes, more than any message: write one message a line`,
      );
  }
  const last = take();
  if (last.text !== '') yield last;
}
