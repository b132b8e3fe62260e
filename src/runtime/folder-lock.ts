import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat, symlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve as absolute } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RetrainError } from '../errors.ts';
import type { FolderLock } from './disk.ts';

// A folder is locked by a socket that its owner listens on: a file `lock.<pid>.<random>` in the folder. The kernel closes the socket when
// the process ends, also under kill -9, so the question "is the owner alive" is answered by connecting, and a reused process id, a reboot
// or a container with process ids of its own cannot mislead it. (Node offers neither flock nor fcntl locks.)
//
// Nobody decides alone that a lock is free: a contender first listens on a file of its own and only then looks for others that are alive.
// Of any two contenders the one that listens later sees the earlier one, so never do both win. When both see each other both withdraw
// and try again after a random pause.

const LOCK_NAME = /^lock\.(\d+)\.[0-9a-f]+$/;

/** The longest path that a socket address takes, less a margin: 108 bytes on Linux, 104 on macOS, with the final zero. */
const MAX_SOCKET_PATH_BYTES = 100;

/** An owner that stays is told from a contender that withdraws by trying again. */
const ATTEMPTS = 5;
const MAX_PAUSE_MS = 60;

/** Takes the folder, or throws `DATA_LOCKED` naming the folder and the owner's process id. */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const { path: shortFolder, forget } = await shortPath(folder);
  let ownerPid = 0;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const name = `lock.${process.pid}.${randomBytes(6).toString('hex')}`;
    const server = await listen(join(shortFolder, name), folder);
    const others = (await readdir(folder)).filter((other) => LOCK_NAME.test(other) && other !== name);
    const alive: string[] = [];
    for (const other of others) if (await isAlive(join(shortFolder, other))) alive.push(other);
    // A contender that took ours for dead, between its creation and its listening, has removed it: then nobody would see us.
    const visible = await exists(join(folder, name));
    if (alive.length === 0 && visible) {
      for (const dead of others) await rm(join(folder, dead), { force: true });
      return {
        release: async () => {
          await close(server);
          await forget();
        },
      };
    }
    await close(server);
    ownerPid = Number(LOCK_NAME.exec(alive[0] ?? '')?.[1] ?? ownerPid);
    if (attempt < ATTEMPTS) await delay((randomBytes(1).readUInt8() / 255) * MAX_PAUSE_MS * attempt);
  }
  await forget();
  throw new RetrainError(
    'DATA_LOCKED',
    `data folder ${folder} is in use by process ${ownerPid}; stop that process or choose another folder`,
  );
}

/** A path to the folder that leaves room for a socket's name: the folder itself or, when that is too long, a link to it. */
async function shortPath(folder: string): Promise<{ path: string; forget: () => Promise<void> }> {
  const longest = join(folder, `lock.${process.pid}.000000000000`);
  if (Buffer.byteLength(longest) <= MAX_SOCKET_PATH_BYTES) return { path: folder, forget: async () => {} };
  const linkFolder = await mkdtemp(join(tmpdir(), 'rt-'));
  await symlink(absolute(folder), join(linkFolder, 'd'));
  return { path: join(linkFolder, 'd'), forget: () => rm(linkFolder, { recursive: true, force: true }) };
}

/** libuv removes the file when the server closes, before it closes the socket. */
function listen(path: string, folder: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((peer) => peer.destroy());
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const reason = `data folder ${folder} cannot be locked (${cause.code ?? cause.message})`;
      reject(new RetrainError('DATA_LOCKED', `${reason}; use a local folder that this user may write to`, { cause }));
    });
    server.listen(path, () => {
      // The lock alone does not keep the process running.
      server.unref();
      resolve(server);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Only a refusal or a missing file proves that nobody listens; whatever else goes wrong counts as an owner. */
function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
    });
  });
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
