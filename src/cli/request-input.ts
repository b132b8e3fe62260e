import { InvalidArgumentError } from 'commander';
import { RetrainError } from '../errors.ts';
import type { RetrainRequestInput, TriggerKind } from '../retraining/request.ts';
import type { Files } from '../runtime/files.ts';

/** The part of `retrain request`'s flags that describes the request. */
export interface RequestFlags {
  readonly model?: string;
  readonly modelVersion?: string;
  readonly kind?: TriggerKind;
  readonly metric?: string;
  readonly detector?: string;
  readonly baseline?: number;
  readonly observed?: number;
  readonly threshold?: number;
  readonly windowFrom?: string;
  readonly windowTo?: string;
  readonly data?: readonly string[];
  readonly parameter?: Readonly<Record<string, unknown>>;
  readonly deadline?: string;
  readonly requestedBy?: string;
  readonly from?: string;
}

/** What a request's file may have: more is no request. */
const FILE_MAX_BYTES = 1024 * 1024;

/**
 * The request that file and flags describe together; a flag wins over the file. It is not checked here: the producer does
 * that, so that every way in has the same rules.
 */
export async function requestInput(
  flags: RequestFlags,
  { files, stdin }: { files: Files; stdin: AsyncIterable<Buffer> },
): Promise<RetrainRequestInput> {
  const { from } = flags;
  const base = from === undefined ? {} : parseObject(await readInput(from, { files, stdin }), from);
  const model = { ...part(base, 'model'), ...given({ name: flags.model, version: flags.modelVersion }) };
  const trigger = { kind: 'manual', ...part(base, 'trigger'), ...triggerOf(flags) };
  const parameters = { ...part(base, 'parameters'), ...flags.parameter };
  return {
    ...base,
    ...(from === undefined || Object.keys(model).length > 0 ? { model } : {}),
    trigger,
    ...(Object.keys(parameters).length > 0 && { parameters }),
    ...given({
      data: flags.data?.map((uri) => ({ uri })),
      deadline: flags.deadline,
      requestedBy: flags.requestedBy,
    }),
  } as RetrainRequestInput;
}

/** Adds a `key=value`; a value that is JSON is taken as JSON, anything else as text. */
export function parameter(value: string, before: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const equals = value.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('use KEY=VALUE, such as epochs=3');
  const text = value.slice(equals + 1);
  return { ...before, [value.slice(0, equals)]: parseJson(text) ?? text };
}

function triggerOf({
  kind,
  metric,
  detector,
  baseline,
  observed,
  threshold,
  windowFrom,
  windowTo,
}: RequestFlags): object {
  const window = given({ from: windowFrom, to: windowTo });
  return given({
    kind,
    metric,
    detector,
    baseline,
    observed,
    threshold,
    window: Object.keys(window).length > 0 ? window : undefined,
  });
}

async function readInput(
  from: string,
  { files, stdin }: { files: Files; stdin: AsyncIterable<Buffer> },
): Promise<string> {
  if (from !== '-') {
    const text = await files.readText(from, { maxBytes: FILE_MAX_BYTES });
    if (text !== undefined) return text;
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `--from ${from}: there is no such file: correct the path, or use - for stdin`,
    );
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stdin) {
    bytes += chunk.length;
    if (bytes > FILE_MAX_BYTES)
      throw new RetrainError(
        'MESSAGE_TOO_LARGE',
        `stdin is over ${FILE_MAX_BYTES} bytes: name what is big by data[].uri`,
      );
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseObject(text: string, from: string): Record<string, unknown> {
  const value = parseJson(text);
  if (isObject(value)) return value;
  const place = from === '-' ? 'stdin' : from;
  throw new RetrainError(
    'REQUEST_INVALID',
    `${place} is not ${value === undefined ? 'JSON' : 'a JSON object'}: write a request such as {"model": {"name": "m"}, "trigger": {"kind": "manual"}}`,
  );
}

/** The object under a name; anything else is left for the schema to complain about. */
function part(base: Record<string, unknown>, name: string): object {
  const value = base[name];
  if (value === undefined || isObject(value)) return value ?? {};
  throw new RetrainError('REQUEST_INVALID', `request: ${name} is not an object: write it as {…}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function given(values: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
