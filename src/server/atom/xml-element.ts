/**
 * An element as it was read. Names are local, without prefix: what Service Bus reads has no two names that only their namespaces tell apart, and
 * clients use prefixes of their own (service-bus-protocol.md §12.1).
 */
export interface XmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** Its own text, without that of its children. */
  readonly text: string;
}

export function childOf(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element?.children.find((child) => child.name === name);
}

export function childrenOf(element: XmlElement | undefined, name: string): XmlElement[] {
  return element?.children.filter((child) => child.name === name) ?? [];
}

/** Text of a child; undefined when the child is absent, is empty, or says `i:nil`. */
export function textOf(element: XmlElement | undefined, name: string): string | undefined {
  const child = childOf(element, name);
  return child === undefined || child.text === '' || child.attributes.get('nil') === 'true' ? undefined : child.text;
}
