import assert from 'node:assert/strict';
import { test } from 'node:test';
import { table, Terminal, wantsColour } from '../../src/cli/terminal.ts';

class Recorder {
  readonly isTTY: boolean;
  readonly columns = 20;
  text = '';

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.text += text;
  }
}

test('colours are for terminals, and NO_COLOR is respected', () => {
  assert.equal(wantsColour(new Recorder(true), {}), true);
  assert.equal(wantsColour(new Recorder(true), { NO_COLOR: '1' }), false);
  assert.equal(wantsColour(new Recorder(true), { NO_COLOR: '' }), true, 'an empty value does not count (no-color.org)');
  assert.equal(wantsColour(new Recorder(true), { TERM: 'dumb' }), false);
  assert.equal(wantsColour(new Recorder(false), {}), false);
});

test('the live line stays below the lines, is cut to the width and taken back at the end', () => {
  const stream = new Recorder(true);
  const terminal = new Terminal(stream);
  terminal.live('a line that is far too long');
  terminal.line('first');
  terminal.endLive();
  terminal.line('last');
  const live = 'a line that is far ';
  assert.equal(stream.text, `\r\u001b[K${live}\r\u001b[Kfirst\n${live}\r\u001b[Klast\n`);
});

test('where there is no terminal only lines are printed', () => {
  const stream = new Recorder(false);
  const terminal = new Terminal(stream);
  terminal.live('moving');
  terminal.line(terminal.paint('green', 'promoted'));
  terminal.endLive();
  assert.equal(stream.text, 'promoted\n');
});

test('tables are as wide as what is in them, numbers to the right', () => {
  assert.deepEqual(
    table(
      ['Model', ' Runs'],
      [
        ['a', '10'],
        ['longer', '7'],
      ],
    ),
    ['Model   Runs', 'a         10', 'longer     7'],
  );
});
