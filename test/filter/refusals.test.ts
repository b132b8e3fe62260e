import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileAction, compileFilter, type RuleValue } from '../../src/filter/index.ts';
import { RetrainError } from '../../src/errors.ts';
import { ENVIRONMENT } from './message-of.ts';

// A bad expression is refused with position and reason, and never with anything else.

type Case = readonly [expression: string, message: string, parameters?: Readonly<Record<string, RuleValue>>];

const A_CONDITION = '=, <>, <, <=, >, >=, IN, LIKE or IS';

const FILTERS: readonly Case[] = [
  ['', 'character 1: found the end, expected a value'],
  ['   ', 'character 4: found the end, expected a value'],
  ['color', `character 6: found the end, expected ${A_CONDITION}`],
  ['TRUE', `character 5: found the end, expected ${A_CONDITION}`],
  ['1', `character 2: found the end, expected ${A_CONDITION}`],
  ['(color) AND a=1', `character 9: found 'AND', expected ${A_CONDITION}`],
  ["color == 'red'", "character 8: found '=', expected a value"],
  ["color = 'red", "character 9: the string has no end: ' is missing"],
  ["color = 'red''", "character 9: the string has no end: ' is missing"],
  ['"color = 1', 'character 1: the name has no end: " is missing'],
  ['[color = 1', 'character 1: the name has no end: ] is missing'],
  ['[color]] = 1', 'character 1: the name has no end: ] is missing'],
  ['[] = 1', 'character 1: a name must have a character at least'],
  ['"" = 1', 'character 1: a name must have a character at least'],
  ['color = ', 'character 9: found the end, expected a value'],
  ["color = 'a' 'b'", 'character 13: found a string, expected AND, OR or the end'],
  ["color = 'a' AND", 'character 16: found the end, expected a value'],
  ["AND color = 'a'", 'character 1: AND is a reserved word; as a name it stands in brackets: [AND]'],
  ["color = 'a' OR OR b = 1", 'character 16: OR is a reserved word; as a name it stands in brackets: [OR]'],
  [
    "Temperature < 40 AND AND Location <> 'South America'",
    'character 22: AND is a reserved word; as a name it stands in brackets: [AND]',
  ],
  ['a = b = c', "character 7: found '=', expected AND, OR or the end"],
  ['a < b < c', "character 7: found '<', expected AND, OR or the end"],
  ['(a = b) = c', 'character 4: found a condition where a value is expected'],
  ['a = (b = c)', 'character 8: found a condition where a value is expected'],
  ['(a = b) + 1 = 2', 'character 4: found a condition where a value is expected'],
  ['1 + (a = b) = 2', 'character 8: found a condition where a value is expected'],
  ['-(a = b) = 2', 'character 5: found a condition where a value is expected'],
  ['NOT a', `character 6: found the end, expected ${A_CONDITION}`],
  ['a NOT b', "character 7: found 'b', expected IN or LIKE"],
  ['a NOT = b', "character 7: found '=', expected IN or LIKE"],
  ['(a = 1', 'character 7: found the end, expected )'],
  ['a = 1)', "character 6: found ')', expected AND, OR or the end"],
  ['()', "character 2: found ')', expected a value"],
  ['a = 1;', "character 6: found ';', expected AND, OR or the end"],
  ['a IN ()', "character 7: found ')', expected a value"],
  ['a IN (1,)', "character 9: found ')', expected a value"],
  ['a IN (1', 'character 8: found the end, expected , or )'],
  ['a IN 1', 'character 6: found the number 1, expected ('],
  ['a IN (1 2)', 'character 9: found the number 2, expected , or )'],
  ['a IN (b = 1)', "character 9: found '=', expected , or )"],
  ['a LIKE', 'character 7: found the end, expected a value'],
  ["a LIKE 'x' ESCAPE", 'character 18: found the end, expected a value'],
  ["a LIKE 'x' ESCAPE 'ab'", 'character 3: ESCAPE must have a string of one character'],
  ["a LIKE 'x' ESCAPE ''", 'character 3: ESCAPE must have a string of one character'],
  ["a LIKE 'x' ESCAPE 1", 'character 3: ESCAPE must have a string of one character'],
  ["a LIKE 'x$' ESCAPE '$'", 'character 3: nothing follows the escape character at the end of the pattern'],
  ['a LIKE 1', 'character 3: the pattern must be a string, not an integer'],
  ['a LIKE @p', 'character 3: the pattern has 1025 characters; the limit is 1024', { '@p': '_'.repeat(1025) }],
  ['a IS', 'character 5: found the end, expected NULL or NOT NULL'],
  ['a IS 1', 'character 6: found the number 1, expected NULL or NOT NULL'],
  ['a IS NOT 1', 'character 10: found the number 1, expected NULL'],
  ['1 IS NULL', 'character 1: only a property can be asked for IS NULL'],
  ['a + 1 IS NULL', 'character 3: only a property can be asked for IS NULL'],
  ['EXISTS a', "character 8: found 'a', expected ("],
  ['EXISTS(1)', 'character 8: found the number 1, expected a property'],
  ["EXISTS('a')", 'character 8: found a string, expected a property'],
  ['EXISTS(newid())', 'character 8: expected a property'],
  ['EXISTS(a', 'character 9: found the end, expected )'],
  ['EXISTS(a) = 1', "character 11: found '=', expected AND, OR or the end"],
  ['like = 1', 'character 1: like is a reserved word; as a name it stands in brackets: [like]'],
  ['user.null = 1', 'character 6: null is a reserved word; as a name it stands in brackets: [null]'],
  ['_a = 1', "character 1: a name must begin with a letter, not '_'; any other one stands in brackets: [_name]"],
  ['$a = 1', "character 1: a name must begin with a letter, not '$'; any other one stands in brackets: [$name]"],
  ['2x = 1', 'character 1: a name must begin with a letter; any other one stands in brackets: [name]'],
  ['a.b = 1', 'character 1: the scope must be sys or user, not a; a name with a period stands in brackets'],
  ['user.a.b = 1', "character 7: found '.', expected =, <>, <, <=, >, >=, IN, LIKE or IS"],
  ['sys. = 1', "character 6: found '=', expected a property after sys."],
  ['sys.Nothing = 1', 'character 5: there is no system property Nothing'],
  ["sys.subscriptionName LIKE '%x%'", 'character 5: there is no system property subscriptionName'],
  ['lower(a) = 1', 'character 1: there is no function lower; there are newid(), property(name) and p(name)'],
  ['newid(1) = a', 'character 7: found the number 1, expected )'],
  ['p() = 1', "character 3: found ')', expected a value"],
  ['p(a = 1) = 1', "character 5: found '=', expected )"],
  ['a = @missing', 'character 5: the parameter @missing has no value; give it one in parameters'],
  ['a = @', 'character 5: a parameter must have a name: @name'],
  [
    'a = 9223372036854775808',
    'character 5: the integer 9223372036854775808 does not fit in 64 bits; write it with a decimal point for a double',
  ],
  [
    'a = -9223372036854775809',
    'character 5: the integer -9223372036854775809 does not fit in 64 bits; write it with a decimal point for a double',
  ],
  ['a = 1e999', 'character 5: the number 1e999 is beyond the range of a double'],
  ['a ! b', "character 3: found '!', expected !="],
  ['a = ?', "character 5: found '?', which nothing can begin with"],
  ['a = 1 /* b */', "character 8: found '*', expected a value"],
  ['a = {b}', "character 5: found '{', which nothing can begin with"],
];

const ACTIONS: readonly Case[] = [
  ['', 'character 1: found the end, expected SET or REMOVE'],
  [';', "character 1: found ';', expected SET or REMOVE"],
  ['UPDATE a = 1', "character 1: found 'UPDATE', expected SET or REMOVE"],
  ['SET', 'character 4: found the end, expected a property'],
  ['SET a', 'character 6: found the end, expected ='],
  ['SET a = ', 'character 9: found the end, expected a value'],
  ['SET a == 1', "character 8: found '=', expected a value"],
  ['SET 1 = a', 'character 5: found the number 1, expected a property'],
  ['SET a = 1 AND b = 2', "character 11: found 'AND', expected SET or REMOVE"],
  ['SET a = b = c', "character 11: found '=', expected SET or REMOVE"],
  ['SET a = (b = c)', "character 12: found '=', expected )"],
  ['SET a = 1;;', "character 11: found ';', expected SET or REMOVE"],
  ['SET a = 1 REMOVE', 'character 17: found the end, expected a property'],
  ['REMOVE a = 1', "character 10: found '=', expected SET or REMOVE"],
  ['REMOVE sys.MessageId', 'character 8: a message must have a MessageId; it can only be set'],
  ['SET set = 1', 'character 5: set is a reserved word; as a name it stands in brackets: [set]'],
  ['SET sys.Nothing = 1', 'character 9: there is no system property Nothing'],
  ['SET a = sys.Nothing', 'character 13: there is no system property Nothing'],
  ['SET sys.SequenceNumber = 1', 'character 5: the system property SequenceNumber cannot be changed'],
  ['REMOVE sys.EnqueuedTimeUtc', 'character 8: the system property EnqueuedTimeUtc cannot be changed'],
  ["SET p('a') = 1", "character 6: found '(', expected ="],
  ['SET a = @x', 'character 9: the parameter @x has no value; give it one in parameters'],
];

function compileSql(what: 'filter' | 'action', sqlExpression: string, parameters?: Case[2]): void {
  if (what === 'action') compileAction({ sqlExpression, parameters }, ENVIRONMENT);
  else compileFilter({ filterType: 'SqlFilter', sqlFilter: { sqlExpression, parameters } }, ENVIRONMENT);
}

for (const [what, cases] of [
  ['filter', FILTERS],
  ['action', ACTIONS],
] as const) {
  test(`a bad ${what} is refused with position and reason`, () => {
    for (const [expression, message, parameters] of cases) {
      const expected = { code: 'FILTER_INVALID', message: `SQL ${what}, at ${message}` };
      assert.throws(() => compileSql(what, expression, parameters), expected, expression);
    }
  });
}

test('a SQL filter without an expression is refused', () => {
  assert.throws(() => compileFilter({ filterType: 'SqlFilter' }, ENVIRONMENT), { code: 'FILTER_INVALID' });
});

test('a parameter with a bad value is refused, used or not', () => {
  const parameters = { '@n': { type: 'int', value: 'many' } } as const;
  assert.throws(() => compileSql('filter', '1=1', parameters), {
    code: 'FILTER_INVALID',
    message: "parameters.@n is 'many', which is not a value of type int",
  });
});

test('an expression has 1,024 characters at most', () => {
  const most = `a = '${'x'.repeat(1024 - 6)}'`;
  compileSql('filter', most);
  compileSql('action', `SET ${most}`.replace('xxxx', ''));
  assert.throws(() => compileSql('filter', `${most} `), {
    code: 'FILTER_INVALID',
    message: 'SQL filter, at character 1025: the expression has 1025 characters; the limit is 1024',
  });
});

test('an action has 32 statements at most', () => {
  compileSql('action', 'SET a=1;'.repeat(32));
  assert.throws(() => compileSql('action', 'SET a=1;'.repeat(33)), {
    code: 'FILTER_INVALID',
    message: 'SQL action, at character 257: an action has 32 statements at most',
  });
});

test('an expression is nested 100 levels deep at most, whatever nests', () => {
  const deep: readonly ((levels: number) => string)[] = [
    (levels) => `${'('.repeat(levels)}1${')'.repeat(levels)} = 1`,
    (levels) => `${'('.repeat(levels)}1 = 1${')'.repeat(levels)}`,
    (levels) => `${'NOT '.repeat(levels)}1 = 1`,
    (levels) => `${'- '.repeat(levels)}1.5 = 1`,
    (levels) => `${'p('.repeat(levels)}a${')'.repeat(levels)} = 1`,
  ];
  for (const expression of deep) {
    compileSql('filter', expression(100));
    const refused = { code: 'FILTER_INVALID', message: /nested more than 100 levels deep/ };
    assert.throws(() => compileSql('filter', expression(101)), refused, expression(101));
    assert.throws(() => compileSql('filter', expression(200)), refused, expression(200));
  }
});

/** True when it compiles, false when it is refused; anything else is thrown. */
function isAccepted(what: 'filter' | 'action', expression: string): boolean {
  try {
    compileSql(what, expression);
    return true;
  } catch (error) {
    if (!(error instanceof RetrainError) || error.code !== 'FILTER_INVALID') throw error;
    const position = /^SQL (?:filter|action), at character (\d+): /.exec(error.message)?.[1];
    assert.ok(position !== undefined, error.message);
    const at = Number(position);
    assert.ok(at >= 1 && at <= Math.min(expression.length, 1024) + 1, `${error.message}, of ${expression.length}`);
    return false;
  }
}

/** Pieces of expressions, good and bad. */
const WORDS = [
  'AND OR NOT IN LIKE ESCAPE EXISTS IS NULL TRUE FALSE SET REMOVE sys user a b color newid property p Label',
  "sys.To user.a [a_b] \"c\" @p = <> != < <= > >= + - * / % ( ) , . ; 1 2.5 1e3 'x' ''",
  '\' " [ ] @ _ \\ \0 \u{1f600} \ud800 é ٣ ９ 1x .5 99999999999999999999',
].flatMap((words) => words.split(' '));

test('whatever the text, it compiles or is refused at a position in it', () => {
  const texts = fc.oneof(
    fc.array(fc.constantFrom(...WORDS), { maxLength: 40 }).map((words) => words.join(' ')),
    fc.array(fc.constantFrom(...WORDS), { maxLength: 40 }).map((words) => words.join('')),
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ unit: 'grapheme', maxLength: 1100 }),
  );
  fc.assert(
    fc.property(texts, fc.constantFrom('filter' as const, 'action' as const), (text, what) => {
      isAccepted(what, text);
    }),
    { numRuns: 5000 },
  );
});

test('a good expression with one character changed, put in or taken out compiles or is refused at a position in it', () => {
  const good = [
    "sys.Label LIKE '%bus%' OR user.tag IN ('queue', 'topic', 'subscription')",
    'NOT ([a b] + 2.5e3 >= -(c % 7)) AND EXISTS("d") AND e IS NOT NULL',
    "p('x') NOT LIKE 'a$%_' ESCAPE '$' AND newid() <> f AND sys.To NOT IN (1, NULL, TRUE)",
  ];
  const bad = fc.tuple(fc.constantFrom(...good), fc.nat(80), fc.constantFrom('', ...WORDS), fc.nat(2));
  fc.assert(
    fc.property(bad, ([text, at, word, gone]) => {
      isAccepted('filter', text.slice(0, at) + word + text.slice(at + gone));
    }),
    { numRuns: 5000 },
  );
});
