import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { RetrainError } from '../errors.ts';
import type { Files } from '../runtime/files.ts';

/** uPlot (MIT), as text to put into a page that must open without a network. */
export interface ChartLibrary {
  readonly version: string;
  readonly script: string;
  readonly styles: string;
  readonly license: string;
}

/** @throws RetrainError `CONFIGURATION_INVALID` when the package is not installed as it should be. */
export async function readChartLibrary(files: Pick<Files, 'readText'>): Promise<ChartLibrary> {
  const manifest = createRequire(import.meta.url).resolve('uplot/package.json');
  const read = async (name: string): Promise<string> => {
    const text = await files.readText(join(dirname(manifest), name));
    if (text !== undefined) return text;
    throw new RetrainError('CONFIGURATION_INVALID', `the package uplot has no ${name}: run npm ci again`);
  };
  const { version } = JSON.parse(await read('package.json')) as { version: string };
  return {
    version,
    script: await read('dist/uPlot.iife.min.js'),
    styles: await read('dist/uPlot.min.css'),
    license: await read('LICENSE'),
  };
}
