import type { Problem } from '../api/problem.ts';

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Whether pages of an origin may use the broker; what is no browser states none. */
export type OriginRule = (origin: string) => boolean;

/** For a broker whose keys are secret: a page that has one was given it. */
export const ANY_ORIGIN: OriginRule = () => true;

/**
 * For a broker that lets everybody in who reaches its port, because only this machine does: every page that its user
 * looks at runs on this machine, and only those that come from it were meant.
 */
export const LOCAL_ORIGIN: OriginRule = (origin) => URL.canParse(origin) && LOOPBACK.test(new URL(origin).hostname);

export function foreignOrigin(origin: string): Omit<Problem, 'type'> {
  return {
    title: 'Forbidden',
    status: 403,
    detail: `Pages of '${origin}' may not connect: this broker lets everybody in who reaches it. Start it with access keys of its own.`,
  };
}
