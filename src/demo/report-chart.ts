import { missingYears } from './error-tally.ts';
import type { ReplayResult, ReplayVerdict } from './replay.ts';
import { VERDICT_MARKS } from './report-marks.ts';

/** What the chart's script reads from the page. Times are in seconds since 1970, errors in percent. */
export interface ChartData {
  /** x, frozen, live: null where the line must break. */
  readonly columns: readonly [number[], (number | null)[], (number | null)[]];
  readonly marks: readonly {
    readonly number: number;
    readonly x: number;
    readonly y: number;
    readonly verdict: string;
  }[];
  readonly gaps: readonly { readonly from: number; readonly to: number; readonly text: readonly string[] }[];
  readonly shapes: typeof VERDICT_MARKS;
}

const SECOND_MS = 1000;
const DAY_SECONDS = 86_400;
/** Windows whose ends lie further apart than this many windows are not joined by a line. */
const BREAK_WINDOWS = 2;

/** Each window stands at its last day. */
export function chartData({ windows, requests, years, windowDays }: ReplayResult): ChartData {
  const columns: [number[], (number | null)[], (number | null)[]] = [[], [], []];
  let previous = Infinity;
  for (const { window, frozenMape, liveMape } of windows) {
    const x = seconds(window.to);
    if (x - previous > BREAK_WINDOWS * windowDays * DAY_SECONDS) push(columns, [(x + previous) / 2, null, null]);
    push(columns, [x, frozenMape, liveMape]);
    previous = x;
  }
  return {
    columns,
    marks: requests.map(({ number, trigger, outcome }) => ({
      number,
      x: seconds(trigger.window.to),
      y: trigger.observed,
      verdict: outcome.verdict satisfies ReplayVerdict,
    })),
    gaps: missingYears(years).map(({ from, to, next }) => ({
      from: seconds(`${from}-01-01`),
      to: seconds(`${next}-01-01`),
      text: ['no data', from === to ? String(from) : `${from}–${to}`],
    })),
    shapes: VERDICT_MARKS,
  };
}

function push(
  [x, frozen, live]: [number[], (number | null)[], (number | null)[]],
  row: readonly [number, number | null, number | null],
): void {
  x.push(row[0]);
  frozen.push(row[1]);
  live.push(row[2]);
}

function seconds(instant: string): number {
  return Date.parse(instant) / SECOND_MS;
}

/** Runs in the browser, after uPlot. It draws again when the width or the colour scheme changes. */
export const CHART_SCRIPT = `
(function () {
  'use strict';
  var data = JSON.parse(document.getElementById('chart-data').textContent);
  var host = document.getElementById('chart');
  var reading = document.getElementById('reading');
  var hint = reading.textContent;
  var plot;
  var LABEL_SPACE_PX = 15;

  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
  }
  function day(x) {
    return new Date(x * 1000).toISOString().slice(0, 10);
  }
  function percent(value) {
    return value.toFixed(2) + ' %';
  }

  function drawGaps(u) {
    var ctx = u.ctx, ratio = uPlot.pxRatio;
    data.gaps.forEach(function (gap) {
      var left = u.valToPos(gap.from, 'x', true), right = u.valToPos(gap.to, 'x', true);
      ctx.save();
      ctx.fillStyle = color('shade');
      ctx.fillRect(left, u.bbox.top, right - left, u.bbox.height);
      ctx.fillStyle = color('soft');
      ctx.font = 12 * ratio + 'px system-ui, sans-serif';
      ctx.textAlign = 'center';
      ctx.textBaseline = 'top';
      gap.text.forEach(function (line, index) {
        if (ctx.measureText(line).width < right - left)
          ctx.fillText(line, (left + right) / 2, u.bbox.top + (10 + 16 * index) * ratio);
      });
      ctx.restore();
    });
  }

  function drawMarks(u) {
    var ctx = u.ctx, ratio = uPlot.pxRatio, labelled = -Infinity;
    data.marks.forEach(function (mark) {
      var shape = data.shapes[mark.verdict];
      var x = u.valToPos(mark.x, 'x', true), y = u.valToPos(mark.y, 'y', true);
      var lift = 18 * ratio;
      ctx.save();
      ctx.strokeStyle = color(mark.verdict === 'promoted' || mark.verdict === 'rejected' ? mark.verdict : 'failed');
      ctx.fillStyle = ctx.strokeStyle;
      ctx.lineWidth = ratio;
      ctx.beginPath();
      ctx.moveTo(x, y);
      ctx.lineTo(x, y - lift + 6 * ratio);
      ctx.stroke();
      ctx.translate(x, y - lift);
      if (x - labelled >= LABEL_SPACE_PX * ratio) {
        ctx.font = '600 ' + 11 * ratio + 'px system-ui, sans-serif';
        ctx.textAlign = 'center';
        ctx.textBaseline = 'bottom';
        ctx.lineJoin = 'round';
        ctx.lineWidth = 4 * ratio;
        ctx.strokeStyle = color('card');
        ctx.strokeText(String(mark.number), 0, -8 * ratio);
        ctx.strokeStyle = ctx.fillStyle;
        ctx.fillText(String(mark.number), 0, -8 * ratio);
        labelled = x;
      }
      ctx.scale(ratio, ratio);
      ctx.lineWidth = 2;
      var path = new Path2D(shape.path);
      if (shape.filled) ctx.fill(path);
      else ctx.stroke(path);
      ctx.restore();
    });
  }

  function read(u) {
    var at = u.cursor.idx;
    if (at == null || u.data[1][at] == null) {
      reading.textContent = hint;
      return;
    }
    var text = 'Window to ' + day(u.data[0][at]) + ': frozen ' + percent(u.data[1][at]) + ', live ' + percent(u.data[2][at]);
    data.marks.forEach(function (mark) {
      if (mark.x === u.data[0][at]) text += ' · request ' + mark.number + ': ' + mark.verdict;
    });
    reading.textContent = text;
  }

  function options(width) {
    var axis = {
      stroke: color('soft'),
      font: '12px system-ui, sans-serif',
      grid: { stroke: color('grid'), width: 1 },
      ticks: { stroke: color('line'), width: 1 },
    };
    var years = Object.assign({}, axis, {
      splits: function (u, index, min, max) {
        var step = width < 560 ? 10 : 5, splits = [];
        for (var year = Math.ceil(new Date(min * 1000).getUTCFullYear() / step) * step; ; year += step) {
          var at = Date.UTC(year, 0, 1) / 1000;
          if (at > max) return splits;
          if (at >= min) splits.push(at);
        }
      },
      values: function (u, splits) {
        return splits.map(function (at) { return String(new Date(at * 1000).getUTCFullYear()); });
      },
    });
    var errors = Object.assign({}, axis, {
      size: 56,
      values: function (u, ticks) {
        return ticks.map(function (tick) { return tick + ' %'; });
      },
    });
    return {
      width: width,
      height: 400,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, y: false, points: { size: 7 } },
      scales: { y: { range: function (u, min, max) { return [0, Math.ceil((max + 1) / 2) * 2]; } } },
      axes: [years, errors],
      series: [
        {},
        { label: 'frozen', stroke: color('frozen'), width: 2, dash: [7, 4], points: { show: false } },
        { label: 'live', stroke: color('live'), width: 2.5, points: { show: false } },
      ],
      hooks: { drawAxes: [drawGaps], draw: [drawMarks], setCursor: [read] },
    };
  }

  function draw() {
    if (plot) plot.destroy();
    plot = new uPlot(options(host.clientWidth), data.columns, host);
  }

  draw();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  new ResizeObserver(function () {
    if (plot.width !== host.clientWidth && host.clientWidth > 0) draw();
  }).observe(host);
})();
`;
