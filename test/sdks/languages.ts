import { delimiter } from 'node:path';
import type { Sdk } from '../../src/server/index.ts';

/** A command and its arguments, run in the language's folder. */
export type Command = readonly [program: string, ...args: string[]];

export interface Language {
  /** What the command line and the prefix of the queues call it. */
  readonly name: string;
  /** Whose settings it connects with. */
  readonly sdk: Sdk;
  /** Below `test/sdks`; what is installed goes there, into a folder that git ignores. */
  readonly folder: string;
  /** Succeeds when the toolchain is there. */
  readonly check: Command;
  /** What to install when it is not. */
  readonly remedy: string;
  /** Brings the pinned client; quick when it is already there. */
  readonly install: readonly Command[];
  readonly run: Command;
}

const PYTHON = {
  check: ['python3', '-c', 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 9))'],
  install: [
    ['python3', '-m', 'venv', '.venv'],
    ['.venv/bin/python', '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', 'requirements.txt'],
  ],
  run: ['.venv/bin/python', '-u', 'main.py'],
} as const;
const PYTHON_REMEDY = 'Python 3.9 or newer with venv (Debian: apt install python3-venv)';

export const LANGUAGES: readonly Language[] = [
  {
    // The version to come; the current one is what test/conformance uses. Both are among the development dependencies.
    name: 'javascript',
    sdk: 'javascript-7.10',
    folder: 'javascript',
    check: ['node', '--version'],
    remedy: 'Node',
    install: [],
    run: ['node', '--enable-source-maps', '../../../dist/test/sdks/javascript/main.js'],
  },
  { name: 'python', sdk: 'python', folder: 'python', remedy: PYTHON_REMEDY, ...PYTHON },
  {
    name: 'generic',
    // It has no use for their settings.
    sdk: 'python',
    folder: 'generic',
    remedy: `${PYTHON_REMEDY}; where there is no wheel of python-qpid-proton, a C compiler to build it`,
    ...PYTHON,
  },
  {
    name: 'go',
    sdk: 'go',
    folder: 'go',
    check: ['go', 'version'],
    remedy: 'Go 1.25 or newer',
    install: [['go', 'build', '-o', '.build/cases', '.']],
    run: ['.build/cases'],
  },
  {
    name: 'java',
    sdk: 'java',
    folder: 'java',
    check: ['mvn', '--version'],
    remedy: 'Maven with a JDK of 17 or newer (Debian: apt install maven openjdk-17-jdk-headless)',
    install: [['mvn', '--quiet', '--batch-mode', 'compile', 'dependency:copy-dependencies']],
    run: ['java', '-cp', `target/classes${delimiter}target/lib/*`, 'sdks.Main'],
  },
];
