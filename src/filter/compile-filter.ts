import { RetrainError } from '../errors.ts';
import { compileCorrelation } from './correlation.ts';
import type { Filter } from './filter.ts';
import type { PropertyChanges } from './message-properties.ts';
import type { MessageProperties } from './message-properties.ts';
import type { FilterUuid } from './property-value.ts';
import type { FilterDescription, SqlDescription } from './rule-description.ts';

const TRUE: Filter = { always: true, probes: [], matches: () => true };
const FALSE: Filter = { always: false, probes: [[]], matches: () => false };

/** What an expression may need besides the message. */
export interface Environment {
  /** The function `newid()`: a new UUID at each call. */
  newId(): FilterUuid;
}

/** @throws RetrainError `FILTER_INVALID` with the position in the expression, what was found and what was expected */
export function compileFilter(filter: FilterDescription, _environment: Environment): Filter {
  switch (filter.filterType) {
    case 'TrueFilter':
      return TRUE;
    case 'FalseFilter':
      return FALSE;
    case 'CorrelationFilter':
      return compileCorrelation(filter.correlationFilter);
    case 'SqlFilter':
      throw new RetrainError('FILTER_INVALID', 'SQL filters are not supported yet');
  }
}

export interface Action {
  /** @throws FilterError when it cannot be evaluated for this message */
  changes(message: MessageProperties): PropertyChanges;
}

/** @throws RetrainError `FILTER_INVALID` */
export function compileAction(_action: SqlDescription, _environment: Environment): Action {
  throw new RetrainError('FILTER_INVALID', 'SQL actions are not supported yet');
}
