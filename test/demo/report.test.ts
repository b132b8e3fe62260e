import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { readChartLibrary } from '../../src/demo/chart-library.ts';
import { html, jsonElement, scriptElement } from '../../src/demo/html.ts';
import { renderReport } from '../../src/demo/report.ts';
import { chartData } from '../../src/demo/report-chart.ts';
import { VERDICT_MARKS } from '../../src/demo/report-marks.ts';
import { REPLAY_VERDICTS } from '../../src/demo/replay.ts';
import type { ReplayResult } from '../../src/demo/replay.ts';
import { requestTable, TABLE_MAX_COLUMNS, totalsText, yearTable } from '../../src/demo/tables.ts';
import { files } from '../../src/runtime/files.ts';
import { realDays, study } from './births-study.ts';

const { result } = await study(realDays(), { ratio: 1.3 });
const library = await readChartLibrary(files);
const page = renderReport(result, library);
const plain = { color: false };

/** The result as if every request had ended with `outcome`. */
function ending(outcome: ReplayResult['requests'][number]['outcome']): ReplayResult {
  return { ...result, requests: result.requests.map((request) => ({ ...request, outcome })) };
}

/** The result without a single request. */
const quiet: ReplayResult = {
  ...result,
  requests: [],
  totals: { ...result.totals, requests: 0, promoted: 0, rejected: 0 },
};

test('the year table has a line per year, one for the gap, and stays within 100 columns', () => {
  const lines = yearTable(result, plain).split('\n');
  assert.equal(lines.length, 1 + result.years.length + 1);
  assert.ok(lines.includes('1989 to 1993: not in the data'));
  assert.match(lines.find((line) => line.startsWith('2010')) ?? '', /15\.80 %/);
  for (const line of lines) assert.ok(line.length <= TABLE_MAX_COLUMNS, line);
});

test('the request table aligns its columns and tells every outcome in words', () => {
  const lines = requestTable(result, plain).split('\n');
  assert.equal(lines.length, 20);
  const outcome = lines[0]?.indexOf('Outcome') ?? -1;
  assert.deepEqual(
    lines.slice(1).map((line) => line.slice(outcome)),
    result.requests.map((request) => request.outcome.verdict),
  );
  for (const line of lines) assert.ok(line.length <= TABLE_MAX_COLUMNS, line);
  assert.match(requestTable(quiet, plain), /nothing was requested/);
});

test('a year with more outcomes than fit is cut, not wrapped', () => {
  const [request] = result.requests;
  assert.ok(request);
  const crowded = { ...result, requests: REPLAY_VERDICTS.map((verdict) => ({ ...request, outcome: { verdict } })) };
  const line =
    yearTable(crowded, plain)
      .split('\n')
      .find((each) => each.startsWith('1972')) ?? '';
  assert.equal(line.length, TABLE_MAX_COLUMNS);
  assert.ok(line.endsWith('…'));
});

test('colour is extra: without its escape sequences a table is the plain one', () => {
  const colored = requestTable(result, { color: true });
  assert.notEqual(colored, requestTable(result, plain));
  assert.equal(stripVTControlCharacters(colored), requestTable(result, plain));
});

test('the totals say what was asked for and both errors', () => {
  assert.match(
    totalsText(result),
    /^19 requests .*: 14 promoted, 5 rejected, 0 dead-lettered\nerror over 13852 days: 8\.48 % frozen, 2\.91 % live$/,
  );
});

test('the report loads nothing: no address but in text, and a policy that forbids the rest', () => {
  assert.match(page, /Content-Security-Policy" content="default-src &#39;none&#39;/);
  const markup = page.replaceAll(/<(script|style|pre)\b[^>]*>[\s\S]*?<\/\1>/g, '');
  assert.doesNotMatch(markup, /\b(src|href|srcset|action|data)=|url\(|@import|<(link|img|iframe|object|embed|base)\b/i);
  assert.match(page, /Permission is hereby granted/);
});

test('the report tells every year and every request, in tables as well as in the chart', () => {
  for (const { year, mapeFrozen } of result.years)
    assert.match(page, new RegExp(`>${year}<[\\s\\S]{0,120}${mapeFrozen.toFixed(2)} %`));
  for (const { trigger } of result.requests) assert.ok(page.includes(trigger.window.to.slice(0, 10)));
  assert.match(page, /role="img"\s+aria-label="Line chart[^"]+"/);
  assert.match(page, /<noscript>/);
});

test('what comes from outside cannot become markup', () => {
  const hostile = `"><script>alert('1')</script>&`;
  const hostilePage = renderReport(ending({ verdict: 'rejected', reason: hostile }), { ...library, license: hostile });
  assert.ok(!hostilePage.includes(`<script>alert`));
  assert.ok(hostilePage.includes('&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;'));
  assert.equal(
    html`<p title="${'"'}">${['<', 1, html`<b>${'&'}</b>`]}</p>`.text,
    '<p title="&quot;">&lt;1<b>&amp;</b></p>',
  );
  assert.equal(scriptElement('x = "</script><!--"').text, '<script>x = "<\\/script><\\!--"</script>');
  assert.equal(jsonElement('a', '</script>').text, '<script type="application/json" id="a">"\\u003c/script>"</script>');
});

test('marks of different verdicts differ in shape, not by colour alone', () => {
  const shapes = REPLAY_VERDICTS.map((verdict) => VERDICT_MARKS[verdict].path);
  assert.equal(new Set(shapes).size, REPLAY_VERDICTS.length);
  assert.notEqual(VERDICT_MARKS.promoted.filled, VERDICT_MARKS.rejected.filled);
});

test('the chart breaks its lines at the gap and puts each mark on a window of the live line', () => {
  const { columns, marks, gaps } = chartData(result);
  const [x, frozen, live] = columns;
  assert.equal(x.length, result.windows.length + 1);
  assert.deepEqual(
    [frozen.filter((value) => value === null).length, live.filter((value) => value === null).length],
    [1, 1],
  );
  assert.ok(x.every((at, index) => index === 0 || at > (x[index - 1] ?? 0)));
  for (const mark of marks) assert.equal(live[x.indexOf(mark.x)], mark.y);
  assert.deepEqual(gaps, [
    { from: Date.UTC(1989, 0) / 1000, to: Date.UTC(1994, 0) / 1000, text: ['no data', '1989–1993'] },
  ]);
});

test('a replay without requests has a report, too', () => {
  assert.match(renderReport(quiet, library), /No window decayed\./);
});
