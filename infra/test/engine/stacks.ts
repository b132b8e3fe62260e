import type { ConfigurationOptions } from './stack-configuration';

export const STACKS = ['seed', 'dev', 'prod', 'premium'] as const;
export type Stack = (typeof STACKS)[number];

/** A stack that has a worker does without no image; the committed files cannot name one. */
const TEST_IMAGE = `registry.example.com/retrain-worker@sha256:${'0'.repeat(64)}`;

/** What is set to be able to provision a stack, beyond its committed file. */
export function testSettings(stack: Stack): ConfigurationOptions {
  return stack === 'prod' || stack === 'premium' ? { set: { image: TEST_IMAGE } } : {};
}
