import fc from 'fast-check';
import {
  AmqpArray,
  AmqpChar,
  AmqpDecimal,
  AmqpDescribed,
  AmqpSymbol,
  AmqpTimestamp,
  AmqpTyped,
  AmqpUuid,
  type AmqpValue,
  type ElementType,
} from '../../src/amqp/index.ts';

const int = (min: number, max: number): fc.Arbitrary<number> =>
  fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max, 0, Math.min(max, 127), Math.min(max, 128)));
const big = (min: bigint, max: bigint): fc.Arbitrary<bigint> =>
  fc.oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max, 0n, 127n, 128n, 255n, 256n));
const bytes = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array));
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ minLength: 250, maxLength: 300 }),
  fc.constantFrom('', 'x'.repeat(255), 'x'.repeat(256)),
);
const ascii = fc.oneof(fc.string({ unit: 'binary-ascii' }), fc.constantFrom('a'.repeat(255), 'a'.repeat(256)));

/** Items in the plain form, for each type that an array may have and that is not compound. */
const SCALARS = {
  null: fc.constant(null),
  boolean: fc.boolean(),
  ubyte: int(0, 0xff),
  ushort: int(0, 0xffff),
  uint: int(0, 0xffff_ffff),
  ulong: big(0n, 0xffff_ffff_ffff_ffffn),
  byte: int(-0x80, 0x7f),
  short: int(-0x8000, 0x7fff),
  int: int(-0x8000_0000, 0x7fff_ffff),
  long: big(-0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn),
  float: fc.float({ noNaN: false }),
  double: fc.double(),
  char: fc.integer({ min: 0, max: 0x10_ffff }).map((codePoint) => new AmqpChar(codePoint)),
  timestamp: fc
    .oneof(fc.maxSafeInteger(), big(-0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn))
    .map((ms) => new AmqpTimestamp(ms)),
  uuid: bytes(16).map((value) => new AmqpUuid(value)),
  decimal32: bytes(4).map((value) => new AmqpDecimal(value)),
  decimal64: bytes(8).map((value) => new AmqpDecimal(value)),
  decimal128: bytes(16).map((value) => new AmqpDecimal(value)),
  binary: fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
    fc.constantFrom(Buffer.alloc(255, 1), Buffer.alloc(256, 2)),
  ),
  string: text,
  symbol: ascii.map((value) => new AmqpSymbol(value)),
} as const satisfies Partial<Record<ElementType, fc.Arbitrary<AmqpValue>>>;

const NUMERIC = ['ubyte', 'ushort', 'uint', 'ulong', 'byte', 'short', 'int', 'long', 'float', 'double'] as const;

/** One scalar in the typed form. */
export const typedScalar: fc.Arbitrary<AmqpValue> = fc.oneof(
  ...NUMERIC.map((type) => (SCALARS[type] as fc.Arbitrary<number | bigint>).map((value) => new AmqpTyped(type, value))),
  ...Object.entries(SCALARS)
    .filter(([type]) => !(NUMERIC as readonly string[]).includes(type))
    .map(([, arbitrary]) => arbitrary as fc.Arbitrary<AmqpValue>),
);

const { value } = fc.letrec<{ value: AmqpValue; list: AmqpValue[]; map: Map<AmqpValue, AmqpValue>; array: AmqpArray }>(
  (tie) => ({
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      typedScalar,
      tie('list'),
      tie('map'),
      tie('array'),
      fc.tuple(typedScalar, tie('value')).map(([descriptor, inner]) => new AmqpDescribed(descriptor, inner)),
    ),
    list: fc.array(tie('value'), { maxLength: 6 }),
    map: fc
      .uniqueArray(fc.tuple(fc.string(), tie('value')), { maxLength: 6, selector: ([key]) => key })
      .map((entries) => new Map<AmqpValue, AmqpValue>(entries)),
    array: fc.oneof(
      { maxDepth: 4 },
      ...Object.entries(SCALARS).map(([type, items]) =>
        fc
          .tuple(
            fc.array(items as fc.Arbitrary<AmqpValue>, { maxLength: 5 }),
            fc.option(typedScalar, { nil: undefined }),
          )
          .map(([array, descriptor]) => new AmqpArray(type as ElementType, array, descriptor)),
      ),
      fc.array(tie('list'), { maxLength: 3 }).map((items) => new AmqpArray('list', items)),
      fc.array(tie('map'), { maxLength: 3 }).map((items) => new AmqpArray('map', items)),
      fc.array(tie('array'), { maxLength: 3 }).map((items) => new AmqpArray('array', items)),
    ),
  }),
);

/** Any value in the typed form, nested a few levels deep. */
export const typedValue: fc.Arbitrary<AmqpValue> = value;
