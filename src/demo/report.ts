import type { ChartLibrary } from './chart-library.ts';
import { missingYears } from './error-tally.ts';
import type { YearErrors } from './error-tally.ts';
import { html, jsonElement, scriptElement, styleElement } from './html.ts';
import type { Markup } from './html.ts';
import { CHART_SCRIPT, chartData } from './report-chart.ts';
import { REPORT_STYLES } from './report-style.ts';
import { REPLAY_VERDICTS } from './replay.ts';
import type { AnsweredRequest, ReplayResult } from './replay.ts';
import { verdictSign } from './report-marks.ts';

/** Nothing may be loaded, from anywhere: what the page needs is in it. */
const CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/** The report as one HTML document that opens from a file, without a network. Every value in it is escaped. */
export function renderReport(result: ReplayResult, library: ChartLibrary): string {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="${CONTENT_SECURITY_POLICY}" />
        <title>Retraining on decay: births in the United States</title>
        ${styleElement(library.styles)} ${styleElement(REPORT_STYLES)}
      </head>
      <body>
        <main>
          ${heading(result)} ${totals(result)} ${chart(result)} ${requestSection(result)} ${yearSection(result)}
          ${footer(result, library)}
        </main>
        ${jsonElement('chart-data', chartData(result))} ${scriptElement(library.script)} ${scriptElement(CHART_SCRIPT)}
      </body>
    </html> `;
  return page.text;
}

function heading({ totals: { mapeFrozen, mapeLive, days }, years }: ReplayResult): Markup {
  const first = years[0]?.year ?? '';
  const last = years.at(-1)?.year ?? '';
  return html`<header>
    <h1>A model that is retrained when it decays</h1>
    <p class="lead">
      Two forecasters of daily births in the United States start as the same model, fitted on 1969 to 1971. From
      ${first} to ${last} one is left alone; the other is retrained whenever a monitor finds that it has decayed. Over
      ${grouped(days)} days the frozen one was wrong by <strong>${percent(mapeFrozen)}</strong>, the live one by
      <strong>${percent(mapeLive)}</strong>.
    </p>
  </header>`;
}

function totals({
  totals: { mapeFrozen, mapeLive, requests, promoted, rejected, deadLettered },
}: ReplayResult): Markup {
  return html`<dl class="totals">
    <div class="frozen">
      <dt>Error, frozen</dt>
      <dd>${percent(mapeFrozen)}</dd>
    </div>
    <div class="live">
      <dt>Error, live</dt>
      <dd>${percent(mapeLive)}</dd>
    </div>
    <div>
      <dt>Requests</dt>
      <dd>${requests}</dd>
    </div>
    <div>
      <dt>${verdictSign('promoted')} Promoted</dt>
      <dd>${promoted}</dd>
    </div>
    <div>
      <dt>${verdictSign('rejected')} Rejected</dt>
      <dd>${rejected}</dd>
    </div>
    <div>
      <dt>${verdictSign('dead-lettered')} Dead-lettered</dt>
      <dd>${deadLettered}</dd>
    </div>
  </dl>`;
}

function chart(result: ReplayResult): Markup {
  const worst = result.windows.reduce((most, { frozenMape }) => Math.max(most, frozenMape), 0);
  const worstLive = result.windows.reduce((most, { liveMape }) => Math.max(most, liveMape), 0);
  const description = `Line chart of both errors over ${result.windows.length} windows. The frozen model's error rises to ${percent(worst)}, the live model's stays at or below ${percent(worstLive)}. The same numbers are in the tables below.`;
  const used = REPLAY_VERDICTS.filter((verdict) => result.requests.some(({ outcome }) => outcome.verdict === verdict));
  return html`<figure>
    <h2>Error of one-day-ahead forecasts, by window of ${result.windowDays} days</h2>
    <ul class="key">
      <li>${lineSign('frozen')} frozen</li>
      <li>${lineSign('live')} live</li>
      ${used.map((verdict) => html`<li>${verdictSign(verdict)} retraining ${verdict}</li>`)}
    </ul>
    <div id="chart" role="img" aria-label="${description}"></div>
    <noscript><p>The chart needs JavaScript; the tables below hold its numbers.</p></noscript>
    <p class="reading" id="reading">Move over the chart to read a window.</p>
    <figcaption>
      Mean absolute percentage error. A mark stands at the window that decayed; its number is the request's in the table
      below.
    </figcaption>
  </figure>`;
}

function lineSign(line: 'frozen' | 'live'): Markup {
  const dash = line === 'frozen' ? '7 4' : 'none';
  return html`<svg width="30" height="10" viewBox="0 0 30 10" aria-hidden="true">
    <path d="M0,5H30" stroke="var(--${line})" stroke-width="2.5" stroke-dasharray="${dash}"></path>
  </svg>`;
}

function requestSection({ requests, ratio }: ReplayResult): Markup {
  const rows = requests.map(requestRow);
  return html`<section aria-labelledby="requests">
    <h2 id="requests">Requests, and what became of them</h2>
    <p>
      A window decays when its error is above ${ratio} times the champion's own reference. The gate compares champion
      and challenger on that window, on which neither was fitted.
    </p>
    <div class="table" role="region" aria-labelledby="requests" tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col" class="number">#</th>
            <th scope="col">Decayed window</th>
            <th scope="col" class="number">Reference</th>
            <th scope="col" class="number">Limit</th>
            <th scope="col" class="number">Champion</th>
            <th scope="col" class="number">Challenger</th>
            <th scope="col">Outcome</th>
          </tr>
        </thead>
        <tbody>
          ${
            rows.length > 0
              ? rows
              : html`<tr class="gap">
                  <td colspan="7">No window decayed.</td>
                </tr>`
          }
        </tbody>
      </table>
    </div>
  </section>`;
}

function requestRow({ number, trigger, outcome }: AnsweredRequest): Markup {
  const { championMape = trigger.observed, challengerMape, verdict, reason = '' } = outcome;
  return html`<tr>
    <th scope="row" class="number">${number}</th>
    <td>${trigger.window.from.slice(0, 10)} to ${trigger.window.to.slice(0, 10)}</td>
    <td class="number">${percent(trigger.baseline)}</td>
    <td class="number">${percent(trigger.threshold)}</td>
    <td class="number">${percent(championMape)}</td>
    <td class="number">${challengerMape === undefined ? '–' : percent(challengerMape)}</td>
    <td class="verdict ${verdict}" title="${reason}">${verdictSign(verdict)} ${verdict}</td>
  </tr> `;
}

function yearSection({ years, requests }: ReplayResult): Markup {
  const worst = Math.max(...years.map(({ mapeFrozen, mapeLive }) => Math.max(mapeFrozen, mapeLive)));
  const gaps = new Map(missingYears(years).map((gap) => [gap.next, gap]));
  const rows = years.map((year) => {
    const gap = gaps.get(year.year);
    return [
      gap
        ? html`<tr class="gap">
            <td colspan="6">${gap.from} to ${gap.to}: not in the data</td>
          </tr> `
        : '',
      yearRow(year, { worst, requests }),
    ];
  });
  return html`<section aria-labelledby="years">
    <h2 id="years">Year by year</h2>
    <div class="table" role="region" aria-labelledby="years" tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col">Year</th>
            <th scope="col" class="number">Days</th>
            <th scope="col" class="number">Frozen</th>
            <th scope="col" class="number">Live</th>
            <th scope="col" class="bars">Frozen above, live below</th>
            <th scope="col">Requests</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
  </section>`;
}

function yearRow(
  { year, days, mapeFrozen, mapeLive }: YearErrors,
  { worst, requests }: { worst: number; requests: readonly AnsweredRequest[] },
): Markup {
  const ofYear = requests.filter(({ trigger }) => Number(trigger.window.to.slice(0, 4)) === year);
  const width = (value: number): string => ((100 * value) / worst).toFixed(1);
  return html`<tr>
    <th scope="row">${year}</th>
    <td class="number">${days}</td>
    <td class="number">${percent(mapeFrozen)}</td>
    <td class="number">${percent(mapeLive)}</td>
    <td class="bars">
      <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
        <rect y="0.5" width="${width(mapeFrozen)}" height="4" fill="var(--frozen)"></rect>
        <rect y="5.5" width="${width(mapeLive)}" height="4" fill="var(--live)"></rect>
      </svg>
    </td>
    <td>
      ${ofYear.map(
        ({ number, outcome: { verdict } }) =>
          html`<span class="${verdict}">${verdictSign(verdict)} ${verdict} (${number})</span> `,
      )}
    </td>
  </tr> `;
}

function footer({ windowDays }: ReplayResult, { version, license }: ChartLibrary): Markup {
  return html`<footer>
    <p>
      Data: daily births from the National Center for Health Statistics (1969 to 1988, 1994 to 2003) and the Social
      Security Administration (2000 to 2014, levelled to the former over their common years), public domain. The model
      is a ridge regression on the weekday, three yearly harmonics and holidays, relative to the mean of the 28 days
      before. A window counts ${windowDays} forecasts, so the one before the gap in the data was completed after it; no
      28-day mean reaches across.
    </p>
    <details>
      <summary>Chart by uPlot ${version}, MIT License</summary>
      <pre>${license}</pre>
    </details>
  </footer>`;
}

const GROUPED = new Intl.NumberFormat('en-US');

function grouped(count: number): string {
  return GROUPED.format(count);
}

function percent(value: number): string {
  return `${value.toFixed(2)} %`;
}
