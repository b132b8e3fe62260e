/**
 * Preloaded into servers that tests start (`node -r`): ends the process when its standard input does, which the operating system sees to when the
 * test that started it was killed.
 */
process.stdin.on('end', () => process.exit(1));
process.stdin.on('error', () => process.exit(1));
process.stdin.resume();
