/** Styles of the report. Colours are custom properties, so that the chart's script can read the ones in force. */
export const REPORT_STYLES = `
:root {
  color-scheme: light dark;
  --page: #fbfbfa; --card: #ffffff; --ink: #1c1c1a; --soft: #5b5b55; --line: #dcdcd6; --grid: #ecece7; --shade: #f1f1ec;
  --frozen: #b3490c; --live: #1a56c4; --promoted: #0b6e4f; --rejected: #a3123f; --failed: #6b21a8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #161615; --card: #1f1f1d; --ink: #eeeeea; --soft: #a9a9a1; --line: #3a3a36; --grid: #2c2c29; --shade: #272724;
    --frozen: #f0925a; --live: #7fb0ff; --promoted: #5fd0a5; --rejected: #ff8aa8; --failed: #cfa3ff;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 2.5rem 1.25rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 68rem; margin: 0 auto; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .6rem; letter-spacing: -.015em; text-wrap: balance; }
h2 { font-size: 1.2rem; margin: 2.75rem 0 .5rem; }
p { margin: .4rem 0; max-width: 46rem; text-wrap: pretty; }
.lead { font-size: 1.1rem; color: var(--soft); }
.lead strong { color: var(--ink); font-weight: 650; }
.totals { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 1.75rem 0 1.5rem; padding: 0; }
.totals div { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; }
.totals dt { font-size: .85rem; color: var(--soft); }
.totals dd { margin: .1rem 0 0; font-size: 1.6rem; font-weight: 650; font-variant-numeric: tabular-nums; letter-spacing: -.01em; }
.totals .frozen dd { color: var(--frozen); }
.totals .live dd { color: var(--live); }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1rem .9rem; }
figure h2 { margin: 0 0 .6rem; font-size: 1.05rem; }
#chart { min-height: 24rem; }
#chart canvas { display: block; }
figcaption { color: var(--soft); font-size: .9rem; margin-top: .5rem; }
.key { display: flex; flex-wrap: wrap; gap: .35rem 1.4rem; margin: 0 0 .75rem; padding: 0; list-style: none; font-size: .9rem; }
.key li { display: flex; align-items: center; gap: .45rem; }
.key svg, td svg { flex: none; vertical-align: -.15em; }
.reading { min-height: 1.5rem; margin: .35rem 0 0; font-size: .9rem; font-variant-numeric: tabular-nums; }
.uplot { font-family: inherit; }
.table { overflow-x: auto; border: 1px solid var(--line); border-radius: .6rem; background: var(--card); }
.table:focus-visible { outline: 2px solid var(--live); outline-offset: 2px; }
table { width: 100%; border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .38rem .8rem; text-align: left; white-space: nowrap; border-bottom: 1px solid var(--grid); }
thead th { color: var(--soft); font-weight: 600; border-bottom-color: var(--line); }
tbody tr:last-child > * { border-bottom: 0; }
tbody th { font-weight: 600; }
.number { text-align: right; }
.gap td { color: var(--soft); font-style: italic; text-align: left; background: var(--shade); }
.bars { width: 34%; min-width: 11rem; }
.bars svg { display: block; width: 100%; height: 1rem; }
.wide { white-space: normal; min-width: 16rem; color: var(--soft); }
.promoted { color: var(--promoted); } .rejected { color: var(--rejected); } .dead-lettered, .cancelled { color: var(--failed); }
.verdict { font-weight: 600; }
footer { margin-top: 3rem; color: var(--soft); font-size: .9rem; }
pre { white-space: pre-wrap; font-size: .8rem; max-width: 46rem; }
@media print { body { padding: 0; } figure, .table { break-inside: avoid; } }
`;
