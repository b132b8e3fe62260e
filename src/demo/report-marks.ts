import { html } from './html.ts';
import type { Markup } from './html.ts';
import type { ReplayVerdict } from './replay.ts';

/**
 * The sign of each verdict, for the chart and for the page: told apart by shape, filled or hollow, and only then by colour.
 * Coordinates are a path of SVG within -5 to 5.
 */
export const VERDICT_MARKS: Record<ReplayVerdict, { readonly path: string; readonly filled: boolean }> = {
  promoted: { path: 'M0,-5L5,4L-5,4Z', filled: true },
  rejected: { path: 'M-4,-4L4,4M4,-4L-4,4', filled: false },
  'dead-lettered': { path: 'M-4,-4L4,-4L4,4L-4,4Z', filled: false },
  cancelled: { path: 'M0,-5L5,0L0,5L-5,0Z', filled: false },
};

/** The sign as an image of its own; the words stand beside it, so readers of the page by ear skip it. */
export function verdictSign(verdict: ReplayVerdict): Markup {
  const { path, filled } = VERDICT_MARKS[verdict];
  return html`<svg class="${verdict}" width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true">
    <path d="${path}" fill="${filled ? 'currentColor' : 'none'}" stroke="currentColor" stroke-width="2"></path>
  </svg>`;
}
