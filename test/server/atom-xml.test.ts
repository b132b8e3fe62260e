import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RetrainError } from '../../src/errors.ts';
import { readXml } from '../../src/server/atom/xml-reader.ts';
import { field, renderXml, xml } from '../../src/server/atom/xml-writer.ts';
import { LIMITS } from '../../src/server/index.ts';

const read = (text: string) => readXml(Buffer.from(text));

test('elements and attributes are known by their local names, whatever their prefixes', () => {
  const root = read(
    '<?xml version="1.0"?><!-- a comment --><a:entry xmlns:a="http://www.w3.org/2005/Atom" xmlns:type="x"><b:Filter xmlns:b="y" p4:type="SqlFilter" xmlns:p4="z">1=1</b:Filter></a:entry>',
  );
  assert.equal(root.name, 'entry');
  assert.deepEqual([...root.attributes], []);
  const [filter] = root.children;
  assert.equal(filter?.name, 'Filter');
  assert.deepEqual([...(filter?.attributes ?? [])], [['type', 'SqlFilter']]);
  assert.equal(filter?.text, '1=1');
});

test('text keeps its white space; entities of XML and numbered characters are read, in CDATA nothing is', () => {
  const root = read(
    '<a b="&quot;&#x41;">  1 &lt; 2 &amp;&amp; 3 &gt; 2 &apos;&#233;&#x1F600;&apos;\r\n<![CDATA[ &lt;b> ]]></a>',
  );
  assert.equal(root.text, "  1 < 2 && 3 > 2 'é😀'\n &lt;b> ");
  assert.equal(root.attributes.get('b'), '"A');
});

const REFUSED: readonly (readonly [what: string, text: string, said: RegExp])[] = [
  ['a document type', '<!DOCTYPE a><a/>', /document type/],
  ['a document type in small letters', '<!doctype a [<!ENTITY x "y">]><a/>', /document type/],
  ['an entity of its own', '<a>&x;</a>', /'&x;' is not an entity/],
  ['an ampersand alone', '<a>1 & 2</a>', /'&'/],
  ['a character that XML does not have', '<a>&#0;</a>', /'&#0;' is not an entity/],
  ['half a character', '<a>&#xD800;</a>', /is not an entity/],
  ['nothing', '', /./],
  ['text alone', 'hello', /./],
  ['two roots', '<a/><b/>', /./],
  ['an element that is not closed', '<a><b></a>', /./],
  ['an attribute twice', '<a b="1" b="2"/>', /./],
  ['an attribute without quotes', '<a b=1/>', /./],
  ['a name that JavaScript keeps for itself', '<a><__proto__>x</__proto__><b __proto__="x"/></a>', /./],
];

test('what is not a plain document is refused', async (context) => {
  for (const [what, text, said] of REFUSED)
    await context.test(what, () => {
      assert.throws(
        () => read(text),
        (error: unknown) => {
          assert.ok(error instanceof RetrainError);
          assert.equal(error.code, 'ARGUMENT_INVALID');
          assert.match(error.message, /^The body is not an XML document that is understood: /);
          assert.match(error.message, said);
          return true;
        },
      );
    });
  assert.throws(() => readXml(Buffer.from([0x3c, 0x61, 0xff, 0x2f, 0x3e])), /is not UTF-8/);
});

test('elements may be so deep and no deeper', () => {
  const nested = (depth: number): string => '<a>'.repeat(depth) + '</a>'.repeat(depth);
  assert.equal(read(nested(LIMITS.xmlDepth)).name, 'a');
  assert.throws(() => read(nested(LIMITS.xmlDepth + 1)), { code: 'ARGUMENT_INVALID' });
  assert.throws(() => read(nested(20_000)), { code: 'ARGUMENT_INVALID' });
});

test('what is written is escaped, and what XML cannot say is replaced', () => {
  const text = 'a<b> & "c"\r\n\u0000\uffff\ud800 é😀';
  const written = renderXml(xml('a', { b: text }, field('c', text), field('d', undefined), xml('e', {})));
  assert.equal(
    written,
    '<?xml version="1.0" encoding="utf-8"?><a b="a&lt;b&gt; &amp; &quot;c&quot;&#xD;\n\ufffd\ufffd\ufffd é😀"><c>a&lt;b&gt; &amp; &quot;c&quot;&#xD;\n\ufffd\ufffd\ufffd é😀</c><e /></a>',
  );
  assert.equal(read(written).children[0]?.text, 'a<b> & "c"\r\n\ufffd\ufffd\ufffd é😀');
});
