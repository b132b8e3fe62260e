import type { ServiceBusAdministrationClient } from '@azure/service-bus';
import { numberType, type RuleValue } from '../topology/index.ts';

// What the XML of the official admin client (7.9.5) loses goes through it in another guise, and is what it is on the wire:
// - The client knows text, double, boolean and date among the values of rules, sends every number as a double, loses empty texts, and cannot list
//   rules with others. Values are text that says its type, between two signs that no text has.
// - It takes line feeds out of all that it sends, so that `a = 1`, a line feed, `AND b` becomes `a = 1AND b`. They are a sign, too.

/** Code points that Unicode keeps for the inside of programs. */
const MARK = '\uFDD0';
const LINE_FEED = '\uFDD1';
const CARRIAGE_RETURN = '\uFDD2';

type Policy = Parameters<ServiceBusAdministrationClient['pipeline']['addPolicy']>[0];

const SCHEMA = 'http://www.w3.org/2001/XMLSchema';
/** Where .NET has the types that XML Schema has not, or has otherwise. */
const SERIALIZATION = 'http://schemas.microsoft.com/2003/10/Serialization/';
const SERIALIZED: ReadonlySet<string> = new Set(['guid', 'duration']);

const SENT = new RegExp(`(<Value [^>]*type="l28:)string("[^>]*)>${MARK}([a-zA-Z]+):([^<]*)${MARK}</Value>`, 'g');
const RECEIVED = /(<Value [^>]*type=")([^":]+):([a-zA-Z]+)("[^>]*?)(?:\/>|>([^<]*)<\/Value>)/g;

/** Requests and responses of the admin client say what was meant. */
export function adminValuePolicy(): Policy {
  return {
    name: 'retrainAdminValues',
    sendRequest: async (request, next) => {
      if (typeof request.body === 'string' && /[\uFDD0-\uFDD2]/.test(request.body)) {
        const body = request.body.replace(SENT, unmarked);
        request.body = body.replaceAll(LINE_FEED, '&#10;').replaceAll(CARRIAGE_RETURN, '&#13;');
        request.headers.set('content-length', Buffer.byteLength(request.body));
      }
      const response = await next(request);
      const body = response.bodyAsText;
      if (body?.includes('<Value ')) response.bodyAsText = body.replace(RECEIVED, marked);
      return response;
    },
  };
}

function unmarked(_: string, before: string, after: string, type: string, text: string): string {
  return `${before}${type}${SERIALIZED.has(type) ? after.replace(SCHEMA, SERIALIZATION) : after}>${text}</Value>`;
}

/** The client takes five letters in front of the type for its prefix. */
function marked(_: string, before: string, _prefix: string, type: string, after: string, text = ''): string {
  return `${before}d6p1:string${after}>${MARK}${type}:${text}${MARK}</Value>`;
}

/** An object for the client, with all its texts as they come through it. */
export function sendable<T>(value: T): T {
  if (typeof value === 'string')
    return value.replaceAll('\n', LINE_FEED).replaceAll('\r', CARRIAGE_RETURN) as T & string;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((part: unknown) => sendable(part)) as T & unknown[];
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, sendable(part)])) as T & object;
}

/** Values as the client takes them. */
export function valuesForClient(
  values: Readonly<Record<string, RuleValue>> | undefined,
): Record<string, string> | undefined {
  if (values === undefined || Object.keys(values).length === 0) return undefined;
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, forClient(value)]));
}

/** Values as the client has them. */
export function valuesOfClient(
  values: Readonly<Record<string, unknown>> | undefined,
): Record<string, RuleValue> | undefined {
  if (values === undefined || Object.keys(values).length === 0) return undefined;
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, ofClient(value)]));
}

function forClient(value: RuleValue): string {
  if (typeof value === 'object') return `${MARK}${value.type}:${value.value}${MARK}`;
  return `${MARK}${typeof value === 'number' ? numberType(value) : typeof value}:${String(value)}${MARK}`;
}

function ofClient(value: unknown): RuleValue {
  const text = String(value);
  const [, type, content = ''] = new RegExp(`^${MARK}([a-zA-Z]+):([\\s\\S]*)${MARK}$`).exec(text) ?? [];
  if (type === undefined || type === 'string') return type === undefined ? text : content;
  if (type === 'boolean') return content === 'true' || content === '1';
  return { type: type as 'int', value: content };
}
