import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

// Azurite, Microsoft's emulator of Azure Storage, in a process of its own, with everything in memory.

const PROGRAM = createRequire(import.meta.url).resolve('azurite/dist/src/blob/main.js');
/** The account that every Azurite has, and its well-known key. */
const ACCOUNT = 'devstoreaccount1';
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const LIMIT_MIB = 256;

export interface Azurite {
  readonly connectionString: string;
  /** Address of the account's blob service. */
  readonly accountUrl: string;
  stop(): Promise<void>;
}

export async function startAzurite(): Promise<Azurite> {
  const child = spawn(
    process.execPath,
    [
      PROGRAM,
      '--blobPort=0',
      '--silent',
      '--disableTelemetry',
      '--skipApiVersionCheck',
      '--inMemoryPersistence',
      `--extentMemoryLimit=${LIMIT_MIB}`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exit = once(child, 'exit');
  const url = await new Promise<string>((resolve, reject) => {
    void exit.then(() => reject(new Error('Azurite ended before it listened')));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [address] = /http:\/\/127\.0\.0\.1:\d+/.exec(line.includes('listens') ? line : '') ?? [];
      if (address !== undefined) resolve(address);
    });
  });
  const accountUrl = `${url}/${ACCOUNT}`;
  return {
    accountUrl,
    connectionString: `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${KEY};BlobEndpoint=${accountUrl};`,
    async stop() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}
