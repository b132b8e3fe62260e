export type { Action } from './action.ts';
export { compileAction, compileFilter } from './compile-filter.ts';
export type { Environment } from './environment.ts';
export type { Filter } from './filter.ts';
export { FilterError } from './filter-error.ts';
export { FilterIndex } from './filter-index.ts';
export { type MessageProperties, type PropertyChanges, type SystemProperty } from './message-properties.ts';
export {
  EARLIEST_TIME_MS,
  FilterDuration,
  FilterTime,
  FilterUuid,
  LATEST_TIME_MS,
  type PropertyValue,
} from './property-value.ts';
export type { CorrelationDescription, FilterDescription, RuleValue, SqlDescription } from './rule-description.ts';
export { ruleValueOf } from './rule-value.ts';
