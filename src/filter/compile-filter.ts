import { RetrainError } from '../errors.ts';
import { type Action, compileStatements } from './action.ts';
import { compileTest } from './compile-predicate.ts';
import { compileCorrelation } from './correlation.ts';
import type { Environment } from './environment.ts';
import type { Filter } from './filter.ts';
import { foldPredicate } from './fold.ts';
import { Parser } from './parser.ts';
import { probesOf } from './probes.ts';
import type { PropertyValue } from './property-value.ts';
import type { FilterDescription, SqlDescription } from './rule-description.ts';
import { ruleValueOf } from './rule-value.ts';

const TRUE: Filter = { always: true, probes: [], matches: () => true };
const FALSE: Filter = { always: false, probes: [[]], matches: () => false };

/** @throws RetrainError `FILTER_INVALID` with the position in the expression, what was found and what was expected */
export function compileFilter(filter: FilterDescription, environment: Environment): Filter {
  switch (filter.filterType) {
    case 'TrueFilter':
      return TRUE;
    case 'FalseFilter':
      return FALSE;
    case 'CorrelationFilter':
      return compileCorrelation(filter.correlationFilter);
    case 'SqlFilter':
      if (!filter.sqlFilter) throw new RetrainError('FILTER_INVALID', 'A SQL filter must have a sqlFilter');
      return compileSqlFilter(filter.sqlFilter, environment);
  }
}

function compileSqlFilter({ sqlExpression, parameters }: SqlDescription, environment: Environment): Filter {
  const condition = foldPredicate(new Parser('filter', sqlExpression, parametersOf(parameters)).parseFilter());
  if (condition.kind === 'truth') return condition.value === true ? TRUE : FALSE;
  return { always: false, probes: probesOf(condition), matches: compileTest(condition, environment) };
}

/** @throws RetrainError `FILTER_INVALID`, as `compileFilter` */
export function compileAction({ sqlExpression, parameters }: SqlDescription, environment: Environment): Action {
  return compileStatements(new Parser('action', sqlExpression, parametersOf(parameters)).parseAction(), environment);
}

/** By name without `@`, in lower case. */
function parametersOf(parameters: SqlDescription['parameters'] = {}): Map<string, PropertyValue> {
  const values = new Map<string, PropertyValue>();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) values.set(name.replace(/^@/, '').toLowerCase(), ruleValueOf(`parameters.${name}`, value));
  }
  return values;
}
