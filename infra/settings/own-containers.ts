/** Container of the registry and its artifacts (docs/registry.md). */
export const REGISTRY_CONTAINER: string = 'models';
/** Container of the events that Event Grid could not deliver. */
export const DEAD_LETTER_CONTAINER: string = 'event-dead-letters';
