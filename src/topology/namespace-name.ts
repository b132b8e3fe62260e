/** Letters, digits and hyphens; begins with a letter, ends with a letter or digit; 6 to 50 characters (resource-name-rules, Microsoft.ServiceBus). */
const SHAPE = /^[A-Za-z][A-Za-z0-9-]{4,48}[A-Za-z0-9]$/;
/** Ends that the service keeps for itself. */
const RESERVED_END = /-(sb|mgmt)$/i;

/** What is wrong with the name of a namespace, with value, limit and remedy; undefined when Azure would take it. */
export function namespaceNameFault(name: string): string | undefined {
  if (!SHAPE.test(name))
    return `the namespace name '${name}' must have 6 to 50 letters, digits and hyphens, begin with a letter, and end with a letter or digit`;
  if (RESERVED_END.test(name))
    return `the namespace name '${name}' must not end with -sb or -mgmt, which are reserved; choose another end`;
  return undefined;
}
