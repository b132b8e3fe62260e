import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml';
import type { Alias, Document, Node, Pair } from 'yaml';
import { type FileProblem, firstOfEachLine, type Path, type Position } from './file-problem.ts';
import type { FileContent, Notation } from './file-text.ts';

/** An alias may stand for so many copies of a value: enough to share settings, too few to fill the memory. */
const MAX_ALIASES = 10_000;

/** YAML 1.2, one document, with anchors, aliases and merge keys. */
export function yamlText(): Notation {
  return {
    parse(text) {
      const lines = new LineCounter();
      const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false, stringKeys: true });
      const said = [...document.errors, ...document.warnings];
      const at = (offset: number): Position => {
        const { line, col } = lines.linePos(offset);
        return { line, column: col };
      };
      if (said.length > 0) {
        const problems = said.map(({ code, message, pos }) => ({
          path: [],
          position: at(pos[0]),
          reason: reasonOf(code, message),
        }));
        return firstOfEachLine(problems);
      }
      const lost = aliasesWithoutAnchor(document);
      if (lost.length > 0) return lost.map(({ source, range }) => unknownAlias(source, at(range?.[0] ?? 0)));
      const merged = mergesOfNoMap(document);
      if (merged.length > 0)
        return merged.map((offset) => ({
          path: [],
          position: at(offset),
          reason: '<< takes properties, or a list of them',
        }));
      try {
        return { value: document.toJS({ maxAliasCount: MAX_ALIASES }), locate: locator(document, at) };
      } catch (error) {
        if (!(error instanceof ReferenceError)) throw error;
        return [{ path: [], reason: `its aliases stand for more than ${MAX_ALIASES} values` }];
      }
    },
  };
}

function reasonOf(code: string, message: string): string {
  if (code === 'MULTIPLE_DOCS') return 'the file must be one document: take away what follows from this line on';
  if (code === 'RESOURCE_EXHAUSTION') return 'its values are nested too deeply';
  if (code === 'DUPLICATE_KEY') return 'this name is given twice';
  return message.charAt(0).toLowerCase() + message.slice(1);
}

function aliasesWithoutAnchor(document: Document.Parsed): Alias[] {
  const found: Alias[] = [];
  visit(document, {
    Alias: (_, alias) => {
      if (!alias.resolve(document)) found.push(alias);
    },
  });
  return found;
}

/** Where a merge key has something else than maps. */
function mergesOfNoMap(document: Document.Parsed): number[] {
  const found: number[] = [];
  const resolved = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);
  visit(document, {
    Pair: (_, { key, value }) => {
      if (!isScalar(key) || key.type !== 'PLAIN' || key.source !== '<<') return;
      const source = resolved(value);
      if (!(isSeq(source) ? source.items.map(resolved) : [source]).every(isMap)) found.push(key.range?.[0] ?? 0);
    },
  });
  return found;
}

function unknownAlias(name: string, position: Position): FileProblem {
  return { path: [], position, reason: `the alias *${name} has no anchor &${name} before it` };
}

function locator(document: Document.Parsed, at: (offset: number) => Position): FileContent['locate'] {
  const resolved = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);
  return (path: Path, what) => {
    let shown: unknown = document.contents;
    let inside: unknown = shown;
    for (const part of path) {
      const pair = isMap(inside) ? pairOf(inside.items, part) : undefined;
      const next = isSeq(inside) && typeof part === 'number' ? inside.items[part] : pair?.value;
      if (next === undefined || next === null) break;
      shown = pair && (what === 'key' || !isNode(next)) ? pair.key : next;
      inside = resolved(next);
    }
    const range = isNode(shown) ? (shown as Node).range : undefined;
    return range ? at(range[0]) : undefined;
  };
}

function pairOf(items: readonly Pair[], name: string | number): Pair | undefined {
  return items.find(({ key }) => isScalar(key) && String(key.value) === String(name));
}
