/** What the trainers of a scenario do, by the first segment of the model's name. */
export const KINDS = ['quick', 'slow', 'flaky', 'picky', 'command', 'cooled'] as const;

/** The poison of `picky` models, in a request's id. */
export const POISON = 'poison';
