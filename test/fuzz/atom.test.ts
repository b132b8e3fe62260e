import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RetrainError } from '../../src/errors.ts';
import { LIMITS } from '../../src/server/index.ts';
import { readXml } from '../../src/server/atom/xml-reader.ts';
import type { XmlElement } from '../../src/server/atom/xml-element.ts';
import { renderXml, xml } from '../../src/server/atom/xml-writer.ts';
import type { XmlNode } from '../../src/server/atom/xml-writer.ts';
import { targetOf, targetPath } from '../../src/server/atom/target.ts';
import { AtomRefusal } from '../../src/server/atom/atom-refusal.ts';

// Bodies and paths of the admin API that begin as a correct client's and are then broken in every way: the reader gives a tree within its limits or
// refuses.

const RUNS = 1_000;

const ENTRY = Buffer.from(
  '<?xml version="1.0" encoding="utf-8"?><entry xmlns="http://www.w3.org/2005/Atom"><content type="application/xml"><RuleDescription xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><!-- c --><Filter i:type="SqlFilter"><SqlExpression>a &lt; \'b\' &amp;&amp; &#x41;</SqlExpression><Parameters><KeyValueOfstringanyType><Key>@a</Key><Value i:type="l28:int">5</Value></KeyValueOfstringanyType></Parameters></Filter><![CDATA[ x ]]><Name>n</Name></RuleDescription></content></entry>',
);

function depthOf(element: XmlElement): number {
  return 1 + Math.max(0, ...element.children.map(depthOf));
}

function textLengthOf(element: XmlElement): number {
  const attributes = [...element.attributes].reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  return element.children.reduce((sum, child) => sum + textLengthOf(child), element.text.length + attributes);
}

/** Reads, and checks what is always so. */
function readOrRefuse(bytes: Buffer): void {
  let root: XmlElement;
  try {
    root = readXml(bytes);
  } catch (error) {
    assert.ok(error instanceof RetrainError, String(error));
    assert.equal(error.code, 'ARGUMENT_INVALID');
    return;
  }
  assert.ok(depthOf(root) <= LIMITS.xmlDepth);
  assert.ok(textLengthOf(root) <= bytes.length, 'nothing grows');
}

const SNIPPETS = [
  '<',
  '>',
  '</',
  '/>',
  '&',
  ';',
  '&amp;',
  '&#0;',
  '&#x110000;',
  '&x;',
  '"',
  "'",
  '=',
  '<!',
  '<!--',
  '-->',
  '<![CDATA[',
  ']]>',
  '<?',
  '?>',
  '<!DOCTYPE x [<!ENTITY a "b">]>',
  '<!ENTITY a SYSTEM "file:///etc/passwd">',
  '<a>',
  '</a>',
  '<a:b xmlns:a="c">',
  ' xmlns="d"',
  '\0',
  '\ufffe',
  '\r\n',
  '__proto__',
  'constructor',
].map((text) => Buffer.from(text));

const edit = fc.record({
  at: fc.nat(ENTRY.length),
  cut: fc.nat(20),
  put: fc.oneof(
    fc.constantFrom(...SNIPPETS),
    fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
  ),
});

test('whatever comes of a correct body is read within the limits, or refused', () => {
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 6 }), (edits) => {
      let bytes = ENTRY;
      for (const { at, cut, put } of edits)
        bytes = Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + cut)]);
      readOrRefuse(bytes);
    }),
    { numRuns: RUNS },
  );
});

test('whatever bytes come are refused, or read within the limits', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constantFrom(...SNIPPETS), fc.uint8Array({ maxLength: 20 })), { maxLength: 40 }),
      (parts) => {
        readOrRefuse(Buffer.concat(parts));
      },
    ),
    { numRuns: RUNS },
  );
});

const name = fc
  .stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,10}$/)
  .filter((text) => !/^(__|constructor$|prototype$|xmlns)/.test(text) && !(text in {}));
const text = fc.string({ unit: 'binary', maxLength: 20 });
const { tree } = fc.letrec<{ tree: XmlNode }>((tie) => ({
  tree: fc
    .tuple(
      name,
      fc.dictionary(name, text, { maxKeys: 3 }),
      fc.array(fc.oneof({ depthSize: 'small' }, text, tie('tree')), { maxLength: 4 }),
    )
    .map(([called, attributes, content]) => xml(called, attributes, ...content)),
}));

// oxlint-disable-next-line no-control-regex -- what XML 1.0 §2.2 does not allow
const FORBIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]/gu;

/** What the tree is when it comes back: what XML cannot say is replaced, and white space in attributes is what the parser makes of it. */
function expected({ name: called, content }: XmlNode): object {
  const inner = content.filter((part): part is string => typeof part === 'string').join('');
  const children = content.filter((part) => typeof part !== 'string').map(expected);
  return {
    called,
    inner: inner.replaceAll(FORBIDDEN, '\ufffd'),
    children,
  };
}

const actual = ({ name: called, text: inner, children }: XmlElement): object => ({
  called,
  inner,
  children: children.map(actual),
});

test('what is written is read as it was', () => {
  fc.assert(
    fc.property(tree, (root) => {
      assert.deepEqual(actual(readXml(Buffer.from(renderXml(root)))), expected(root));
    }),
    { numRuns: RUNS },
  );
});

test('a path is read, or refused as no path, whatever it is', () => {
  const part = fc.oneof(
    fc.constantFrom('/', '//', 'Subscriptions', 'rules', '$Resources', '%', '%2f', '%ff', '$namespaceinfo', '..', '.'),
    fc.string({ maxLength: 6 }),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const path = parts.join('/');
      try {
        const target = targetOf(path);
        assert.deepEqual(targetOf(encodeURI(targetPath(target))).kind, target.kind);
      } catch (error) {
        assert.ok(error instanceof AtomRefusal, String(error));
        assert.equal(error.status, 400);
      }
    }),
    { numRuns: RUNS },
  );
});

/** The slowest shapes that anybody has thought of, as large as a body may be. */
const SLOW: readonly (readonly [what: string, unit: string])[] = [
  ['elements that are not closed', '<a>'],
  ['elements beside each other', '<a/>'],
  ['attributes', ' a="b"'],
  ['attributes of other names', ' a'],
  ['attributes without end', ' a="'],
  ['ampersands', '&'],
  ['references', '&amp;'],
  ['references without end', '&aaaaaaaaaa'],
  ['comments without end', '<!--'],
  ['CDATA without end', '<![CDATA['],
  ['processing instructions', '<?a '],
  ['quotes', `"'`],
  ['white space', ' \n'],
  ['prefixes', 'a:'],
  ['brackets', '<'],
  ['the other brackets', '>'],
];

test('the largest bodies of the slowest shapes come to an end', { timeout: 120_000 }, () => {
  for (const [, unit] of SLOW)
    for (const [before, after] of [
      ['<a>', '</a>'],
      ['<a ', '/>'],
      ['', ''],
    ] as const) {
      const count = Math.floor((LIMITS.adminRequestBytes - before.length - after.length) / unit.length);
      readOrRefuse(Buffer.from(before + unit.repeat(count) + after));
    }
});
