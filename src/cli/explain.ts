import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { Command } from 'commander';
import { readRequest } from '../retraining/envelope.ts';
import { evidenceOf } from '../retraining/evidence.ts';
import { ID_START_MIN_LENGTH, evidenceText, explainRequest, explainRun, stateWord } from '../retraining/explanation.ts';
import type { Explanation } from '../retraining/explanation.ts';
import { replayCommand } from '../retraining/replay-command.ts';
import { placeOf, withOpenClient } from './connection.ts';
import { addOutcomeOptions, isConnected, readOutcomes } from './outcome-source.ts';
import type { OutcomeFlags } from './outcome-source.ts';
import { targetOf, unknownTarget } from './outcome-target.ts';
import { peeked } from './peeked.ts';
import { onOneLine } from './printable.ts';
import { table, Terminal } from './terminal.ts';

interface ExplainFlags extends OutcomeFlags {
  readonly json?: true;
}

/** Messages of the queue, and as many of its dead letters, that are looked through for a request that no event knows. */
const LOOKED_AT_MAX = 20_000;

export function explainCommand(): Command {
  return addOutcomeOptions(new Command('explain'))
    .description('Tells what became of a request or a run, and why: evidence, plan, run, gate, champion.')
    .argument('<id>', `id of a request or a run, or its first characters (${ID_START_MIN_LENGTH} or more)`)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
It is told from outcome events. What is older than they are kept is said to be missing. A request that no event knows is looked
for in the queue and among its dead letters.

Examples:
  retrain explain 12-8f3a
  retrain explain 0f1e2d3c --outcomes model-retraining-outcomes`,
    )
    .action(runExplain);
}

async function runExplain(id: string, flags: ExplainFlags): Promise<void> {
  const outcomes = await readOutcomes(flags);
  const { events } = outcomes;
  const target = targetOf(events, id);
  if (!target) return explainWaiting(id, flags, outcomes);
  const explanation = target.kind === 'run' ? explainRun(events, target.run) : explainRequest(events, target.request);
  if (flags.json) console.log(JSON.stringify(explanation));
  else show(explanation, id);
}

function show(explanation: Explanation, id: string): void {
  const terminal = new Terminal(process.stdout);
  const { kind, model, request, runs, steps, gaps } = explanation;
  const whole = request?.id ?? runs[0]?.runId ?? id;
  terminal.line(terminal.paint('bold', onOneLine(`${kind === 'run' ? 'Run' : 'Request'} ${whole} of ${model}`)));
  const state = request?.state ?? runs.at(-1)?.state;
  if (state !== undefined) terminal.line(`${stateWord(state)}${request ? ` at ${request.at}` : ''}`);
  terminal.line();
  const rows = steps.map(({ at, what, text }) => [at, what, onOneLine(text)]);
  for (const line of table(['Time', 'What', 'Details'], rows)) terminal.line(line);
  const dead = request?.state === 'deadlettered' ? request.deadLetter : undefined;
  if (dead) {
    terminal.line();
    terminal.line(`It lies in the dead-letter queue of ${onOneLine(dead.queue)}. To have it tried again:`);
    terminal.line(`  ${replayCommand({ ...dead, model, requestId: request?.id })}`);
  }
  for (const gap of gaps) terminal.line(`Not known: ${onOneLine(gap)}.`);
}

/** No run has taken it up, or so long ago that no event is left. */
async function explainWaiting(
  id: string,
  flags: ExplainFlags,
  outcomes: Awaited<ReturnType<typeof readOutcomes>>,
): Promise<void> {
  const found = isConnected(flags) ? await findInQueue(id, flags) : undefined;
  const read = found && readRequest(found.message);
  if (!found || read?.kind !== 'valid') {
    // Whoever reads JSON gets some, and the exit code that tells.
    if (flags.json) console.log(JSON.stringify({ kind: 'unknown', id, runs: [], steps: [], gaps: [] }));
    return unknownTarget(id, outcomes);
  }
  const { message, dead, queue } = found;
  const { event } = read;
  const evidence = evidenceOf(event);
  const active = message.scheduledEnqueueTimeUtc ?? message.enqueuedTimeUtc;
  const state = dead ? 'deadlettered' : 'waiting';
  if (flags.json) {
    const request = { source: event.source, id: event.id, model: event.subject, state, evidence };
    console.log(JSON.stringify({ kind: 'request', model: event.subject, request, runs: [], steps: [], gaps: [] }));
    return;
  }
  const terminal = new Terminal(process.stdout);
  terminal.line(terminal.paint('bold', onOneLine(`Request ${event.id} of ${event.subject}`)));
  terminal.line(onOneLine(`asked at ${evidence.time}: ${evidenceText(evidence)}`));
  if (dead) {
    const reason = message.deadLetterReason ?? 'no reason given';
    terminal.line(onOneLine(`dead letter of ${queue}: ${reason}, ${message.deadLetterErrorDescription ?? ''}`));
    terminal.line(`  ${replayCommand({ queue, model: event.subject, requestId: event.id })}`);
  } else
    terminal.line(
      onOneLine(`waits in ${queue} since ${active?.toISOString() ?? 'an unknown time'}; no run has taken it up`),
    );
}

async function findInQueue(
  id: string,
  flags: ExplainFlags,
): Promise<{ message: ServiceBusReceivedMessage; dead: boolean; queue: string } | undefined> {
  const place = placeOf(flags);
  return withOpenClient(place, async (client) => {
    for (const dead of [false, true]) {
      const receiver = client.createReceiver(place.queue, dead ? { subQueueType: 'deadLetter' } : {});
      let looked = 0;
      for await (const message of peeked(receiver, { place })) {
        if (++looked > LOOKED_AT_MAX) break;
        const read = readRequest(message);
        if (read.kind !== 'valid') continue;
        const own = read.event.id;
        if (own === id || (id.length >= ID_START_MIN_LENGTH && own.startsWith(id)))
          return { message, dead, queue: place.queue };
      }
    }
    return undefined;
  });
}
