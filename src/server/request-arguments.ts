import { AmqpArray, AmqpTimestamp, AmqpUuid, lookup, plain } from '../amqp/index.ts';
import type { AmqpList, AmqpMap, AmqpValue } from '../amqp/index.ts';
import { RetrainError } from '../errors.ts';
import { LIMITS } from './limits.ts';

/** The body map of a `$management` request, field by field. Readers throw `ARGUMENT_INVALID`, naming the field and its type. */
export class RequestArguments {
  readonly #map: AmqpMap;

  constructor(body: AmqpValue) {
    if (!(body instanceof Map)) throw invalid('The body of the request must be an amqp-value section with a map');
    this.#map = body as AmqpMap;
  }

  string(name: string): string {
    return this.optionalString(name) ?? missing(name, 'a string');
  }

  optionalString(name: string): string | undefined {
    const value = this.#get(name);
    if (value === undefined || typeof value === 'string') return value;
    return missing(name, 'a string');
  }

  /** An integer of any AMQP type that is exact in a JavaScript number. */
  integer(name: string): number {
    return integerOf(this.#get(name)) ?? missing(name, 'an integer');
  }

  optionalInteger(name: string): number | undefined {
    const value = this.#get(name);
    return value === undefined ? undefined : (integerOf(value) ?? missing(name, 'an integer'));
  }

  optionalBoolean(name: string): boolean | undefined {
    const value = this.#get(name);
    if (value === undefined || typeof value === 'boolean') return value;
    return missing(name, 'a boolean');
  }

  /** Milliseconds since 1970. */
  optionalTimestamp(name: string): number | undefined {
    const value = this.#get(name);
    if (value === undefined || value instanceof AmqpTimestamp) return value?.ms;
    return missing(name, 'a timestamp');
  }

  /** Milliseconds since 1970. */
  timestamp(name: string): number {
    return this.optionalTimestamp(name) ?? missing(name, 'a timestamp');
  }

  optionalBinary(name: string): Buffer | undefined {
    const value = this.#get(name);
    if (value === undefined || Buffer.isBuffer(value)) return value;
    return missing(name, 'binary or null');
  }

  optionalMap(name: string): AmqpMap | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    return value instanceof Map ? (value as AmqpMap) : missing(name, 'a map');
  }

  /** 16 bytes each, in RFC order. */
  uuids(name: string): Buffer[] {
    return this.#items(name, 'an array of uuids').map((item) =>
      item instanceof AmqpUuid ? item.bytes : missing(name, 'an array of uuids'),
    );
  }

  integers(name: string): number[] {
    return this.#items(name, 'an array of longs').map((item) => integerOf(item) ?? missing(name, 'an array of longs'));
  }

  maps(name: string): RequestArguments[] {
    return this.#items(name, 'a list of maps').map((item) => new RequestArguments(item));
  }

  binary(name: string): Buffer {
    return this.optionalBinary(name) ?? missing(name, 'binary');
  }

  #items(name: string, what: string): AmqpList {
    const value = this.#get(name);
    const items =
      value instanceof AmqpArray ? value.items : Array.isArray(value) ? (value as AmqpList) : missing(name, what);
    if (items.length === 0) return missing(name, `${what}, at least one`);
    if (items.length > LIMITS.requestItems)
      throw invalid(
        `The field '${name}' has ${items.length} items; the limit is ${LIMITS.requestItems}. Send several requests`,
      );
    return items;
  }

  #get(name: string): AmqpValue | undefined {
    return lookup(this.#map, name) ?? undefined;
  }
}

function integerOf(value: AmqpValue | undefined): number | undefined {
  const number = plain(value);
  const integer = typeof number === 'bigint' ? Number(number) : number;
  return typeof integer === 'number' && Number.isSafeInteger(integer) ? integer : undefined;
}

function missing(name: string, what: string): never {
  throw invalid(`The field '${name}' must be ${what}`);
}

function invalid(message: string): RetrainError {
  return new RetrainError('ARGUMENT_INVALID', `${message}.`);
}
