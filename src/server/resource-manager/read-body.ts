import { z } from 'zod';
import { ArmRefusal, badRequest } from './refusal.ts';
import type { Body } from './resource-kind.ts';

/** Objects and lists inside each other; a description has five. */
const MAX_DEPTH = 32;

/**
 * The JSON object in a request's body, empty when there is no body. What is null is as if it were left out, as the service has it.
 *
 * @throws ArmRefusal
 */
export function bodyOf(bytes: Buffer): Body {
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  if (text.trim() === '') return {};
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (cause) {
    throw new ArmRefusal('InvalidRequestContent', 'The request content was invalid: the body must be a JSON object.', {
      cause,
    });
  }
  if (!isObject(found))
    throw new ArmRefusal('InvalidRequestContent', 'The request content was invalid: the body must be a JSON object.');
  return withoutNulls(found, 0) as Body;
}

/** An object within a body; empty when it is left out. @throws ArmRefusal */
export function objectIn(body: Body, name: string): Body {
  const value = body[name];
  if (value === undefined) return {};
  if (isObject(value)) return value;
  throw badRequest(`'${name}' must be a JSON object.`);
}

/** The properties of `properties` that are among `names`; what else a client sends, such as what can only be read, is let be. @throws ArmRefusal */
export function propertiesIn(body: Body, names: readonly string[]): Record<string, unknown> {
  const given = objectIn(body, 'properties');
  return Object.fromEntries(names.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])));
}

/** The one of `known` that a client means, in whatever case; undefined: none of them. */
export function anyCase<T extends string>(known: readonly T[], given: unknown): T | undefined {
  if (typeof given !== 'string') return undefined;
  return known.find((one) => one.toLowerCase() === given.toLowerCase());
}

/** `value` as `schema` has it. @throws ArmRefusal that names each field that is wrong, below `where` */
export function checked<S extends z.ZodType>(schema: S, value: unknown, where: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const said = result.error.issues.map(({ path, message }) => `${[where, ...path.map(String)].join('.')}: ${message}`);
  throw badRequest(said.join('; '));
}

function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withoutNulls(value: unknown, depth: number): unknown {
  if (depth > MAX_DEPTH)
    throw new ArmRefusal('InvalidRequestContent', `The body is nested deeper than ${MAX_DEPTH}, which is the limit.`);
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item, depth + 1));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inside]) =>
      inside === null ? [] : [[name, withoutNulls(inside, depth + 1)]],
    ),
  );
}
