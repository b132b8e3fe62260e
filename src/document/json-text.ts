import { parseTree, printParseErrorCode } from 'jsonc-parser';
import type { Node } from 'jsonc-parser';
import { type FileProblem, firstOfEachLine, type Path, type Position } from './file-problem.ts';
import type { FileContent, Notation } from './file-text.ts';

/** What the parser's codes mean to somebody who wrote the file. */
const REASONS: Record<string, string> = {
  InvalidSymbol: 'this is no JSON: values are text in double quotes, numbers, true, false, null, {…} and […]',
  InvalidNumberFormat: 'this is no number',
  PropertyNameExpected: 'a name in double quotes is expected here',
  ValueExpected: 'a value is expected here',
  ColonExpected: 'a colon is expected here',
  CommaExpected: 'a comma is expected here',
  CloseBraceExpected: 'a closing brace } is missing',
  CloseBracketExpected: 'a closing bracket ] is missing',
  EndOfFileExpected: 'the file must end here: it is one {…}',
  UnexpectedEndOfComment: 'this comment does not end',
  UnexpectedEndOfString: 'this text does not end: a double quote is missing',
  InvalidEscapeCharacter: 'there is no such escape',
  InvalidCharacter: 'this sign must be escaped',
};

/** JSON with comments and trailing commas, as the emulator's own file has them. */
export function jsonText(): Notation {
  return {
    parse(text) {
      const lines = new LineStarts(text);
      const errors: { error: number; offset: number; length: number }[] = [];
      const root = parseTree(text, errors, { allowTrailingComma: true });
      const wrong = errors.map(({ error, offset }) => ({
        path: [],
        position: lines.positionOf(offset),
        reason: REASONS[printParseErrorCode(error)] ?? printParseErrorCode(error),
      }));
      const problems: FileProblem[] = firstOfEachLine(wrong);
      if (root === undefined || problems.length > 0) return problems;
      const value = valueOf(root, [], (path, offset) =>
        problems.push({ path, position: lines.positionOf(offset), reason: 'this name is given twice' }),
      );
      return problems.length > 0 ? problems : { value, locate: locator(root, lines) };
    },
  };
}

function locator(root: Node, lines: LineStarts): FileContent['locate'] {
  return (path, what) => {
    let node: Node = root;
    for (const part of path) {
      const inside = node.type === 'property' ? node.children?.[1] : node;
      const next = typeof part === 'number' ? inside?.children?.[part] : propertyOf(inside, part);
      if (next === undefined) break;
      node = next;
    }
    // A property holds its name and its value.
    const shown = node.type === 'property' ? node.children?.[what === 'key' ? 0 : 1] : node;
    return lines.positionOf((shown ?? node).offset);
  };
}

function propertyOf(object: Node | undefined, name: string): Node | undefined {
  return object?.children?.find((property) => property.children?.[0]?.value === name);
}

/** Of equal names neither is right: `onTwice` is told of the later one. */
function valueOf(node: Node, path: Path, onTwice: (path: Path, offset: number) => void): unknown {
  if (node.type === 'array')
    return node.children?.map((child, index) => valueOf(child, [...path, index], onTwice)) ?? [];
  if (node.type !== 'object') return node.value;
  const entries = new Map<string, unknown>();
  for (const { children: [key, value] = [] } of node.children ?? []) {
    if (key === undefined || value === undefined) continue;
    const name = String(key.value);
    if (entries.has(name)) onTwice([...path, name], key.offset);
    entries.set(name, valueOf(value, [...path, name], onTwice));
  }
  return Object.fromEntries(entries);
}

class LineStarts {
  readonly #starts: number[] = [0];

  constructor(text: string) {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  positionOf(offset: number): Position {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#starts[low] ?? 0) + 1 };
  }
}
