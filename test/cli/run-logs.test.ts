import assert from 'node:assert/strict';
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { modelPath } from '../../src/retraining/model-name.ts';
import { OutcomeLog } from '../../src/retraining/outcome-log.ts';
import { told } from '../retraining/outcome-world.ts';
import { startCli, temporaryFolder } from './cli-process.ts';

const RUN = '7-0123456789ab';

test('the log of a run that lives elsewhere is followed until what is told of it says that it ended, over its executions', async (t) => {
  const state = await temporaryFolder(t);
  const outcomes = new OutcomeLog({ folder: state });
  const folderOf = (epoch: number): string =>
    join(state, 'runs', modelPath('births'), `${String(epoch).padStart(10, '0')}-${RUN}`);
  const begin = async (epoch: number): Promise<string> => {
    await mkdir(folderOf(epoch), { recursive: true });
    const log = join(folderOf(epoch), 'run.log');
    await writeFile(log, `execution ${epoch} begins\n`);
    await outcomes.append(told('started', { runId: RUN, epoch, id: `s${epoch}`, at: `2026-01-01T00:0${epoch}:00Z` }));
    return log;
  };
  const first = await begin(7);
  const cli = startCli(t, ['runs', 'logs', RUN, '--follow', '--state', state], { cwd: state });
  await cli.printed(/execution 7 begins\n/);
  await appendFile(first, 'more of it\n');
  await cli.printed(/more of it\n/);
  const second = await begin(8);
  await cli.printed(/execution 8 begins\n/);
  await appendFile(second, 'the last line\n');
  await outcomes.append(told('promoted', { runId: RUN, epoch: 8, id: 'p', at: '2026-01-01T00:10:00Z' }));
  const { code, stdout } = await cli.finished;
  assert.equal(code, 0);
  assert.equal(stdout, 'execution 7 begins\nmore of it\nexecution 8 begins\nthe last line\n');
});
