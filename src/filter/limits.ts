/** What an expression may be at most (service-bus-quotas, unless it says otherwise). */
export const LIMITS = {
  /** UTF-16 units of the expression of a filter or of an action. */
  expressionCharacters: 1024,
  /** Statements of an action. */
  actionStatements: 32,
  /** Parentheses, signs, NOTs and functions inside one another; ours, so that neither parsing nor evaluation can exhaust the stack. */
  nesting: 100,
  /** UTF-16 units of a text that an expression puts together: a property may have 32 KB. */
  textCharacters: 32 * 1024,
  /** UTF-16 units of a pattern of LIKE that does not stand in the expression, which could not hold a longer one. */
  patternCharacters: 1024,
  /** Characters of a MessageId or a SessionId that an action sets. */
  idCharacters: 128,
} as const;
