/** A value that JSON has no type for, by the name of its type in the XML of the admin API. */
export interface TypedText {
  readonly type: 'string' | 'int' | 'long' | 'double' | 'decimal' | 'boolean' | 'dateTime' | 'guid' | 'duration';
  readonly value: string;
}

/** A value in a rule: a plain number is a long when it is whole and a double otherwise. */
export type RuleValue = string | boolean | number | TypedText;

export interface SqlDescription {
  readonly sqlExpression: string;
  /** Values of `@name` in the expression, with or without the `@`. */
  readonly parameters?: Readonly<Record<string, RuleValue>> | undefined;
}

export interface CorrelationDescription {
  readonly contentType?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly label?: string | undefined;
  readonly messageId?: string | undefined;
  readonly replyTo?: string | undefined;
  readonly replyToSessionId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly to?: string | undefined;
  readonly properties?: Readonly<Record<string, RuleValue>> | undefined;
}

/** The filter part of a rule, with the property names of Azure Resource Manager. */
export interface FilterDescription {
  readonly filterType: 'SqlFilter' | 'CorrelationFilter' | 'TrueFilter' | 'FalseFilter';
  readonly sqlFilter?: SqlDescription | undefined;
  readonly correlationFilter?: CorrelationDescription | undefined;
}
