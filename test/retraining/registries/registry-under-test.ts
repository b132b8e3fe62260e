import type { TestContext } from 'node:test';
import type { Registry } from '../../../src/retraining/registries/registry.ts';

/** Limits of every registry of the suite: small ones, so that they are met. */
export const HISTORY = 4;
export const REJECTED = 2;

/** One store, and registries on it as so many processes have them. */
export interface RegistryStore {
  /** Another registry on the same store, with the limits above. */
  readonly open: () => Registry;
  /** One whose process dies before its `step`th change of the store: this and everything after it raises an error. */
  readonly dying: (step: number) => Registry;
}

export interface RegistrySuite {
  readonly name: string;
  readonly prepare: (t: TestContext) => Promise<RegistryStore>;
  /** Whether the store tells concurrent changes apart; one that does not has the lesser guarantee. */
  readonly conditional?: boolean;
}
