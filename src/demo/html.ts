/** Text that is HTML already. Only `html` makes it, so whatever else is put into a page gets escaped. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type MarkupValue = string | number | Markup | readonly MarkupValue[];

/** A template whose values are escaped, unless they are `Markup`; lists are joined. */
export function html(parts: TemplateStringsArray, ...values: readonly MarkupValue[]): Markup {
  return new Markup(parts.map((part, index) => (index === 0 ? '' : render(values[index - 1] ?? '')) + part).join(''));
}

/** A script element. The text runs as it is; what would end the element early is written so that it does not. */
export function scriptElement(text: string): Markup {
  return new Markup(`<script>${text.replaceAll(/<\/(script)/gi, '<\\/$1').replaceAll('<!--', '<\\!--')}</script>`);
}

/** JSON in a data block that a script reads with JSON.parse; no `<` is left in it (HTML Standard, 4.12.1.3). */
export function jsonElement(id: string, value: unknown): Markup {
  const json = JSON.stringify(value).replaceAll('<', '\\u003c');
  return new Markup(`<script type="application/json" id="${escapeText(id)}">${json}</script>`);
}

/** Our own or a library's style sheet: it must not hold the end of its element. */
export function styleElement(text: string): Markup {
  return new Markup(`<style>${text.replaceAll(/<\/(style)/gi, '<\\/$1')}</style>`);
}

function render(value: MarkupValue): string {
  if (value instanceof Markup) return value.text;
  if (typeof value === 'string' || typeof value === 'number') return escapeText(String(value));
  return value.map(render).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeText(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
