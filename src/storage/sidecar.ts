import type { Disk } from '../runtime/disk.ts';
import { checksum } from './checksum.ts';
import { PARTIAL, sidecarName } from './segment-file.ts';

// A sidecar keeps the index of a sealed segment in a file of its own:
//
//   magic 8 bytes | version u32 | seed u32 | end u32 | length u32 | crc u32 | index
//
// seed is that of the segment it belongs to, end the offset behind the segment's last record, crc covers all before it and the index.
// A sidecar that is missing or fails any check is made again from its segment: it holds nothing that the segment does not.

const MAGIC = Buffer.from('rtindex\0', 'latin1');
const SIDECAR_VERSION = 1;
const HEADER_BYTES = 28;
const CRC_AT = 24;

export interface Sidecar {
  readonly index: Buffer;
  readonly end: number;
}

export interface SidecarPlace {
  readonly disk: Disk;
  readonly folder: string;
  readonly number: number;
  readonly seed: number;
}

/** Resolves when the sidecar is durable, but for its entry in the folder. */
export async function writeSidecar(
  { disk, folder, number, seed }: SidecarPlace,
  { parts, end }: { parts: readonly Buffer[]; end: number },
): Promise<void> {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32LE(SIDECAR_VERSION, 8);
  header.writeUInt32LE(seed, 12);
  header.writeUInt32LE(end, 16);
  header.writeUInt32LE(
    parts.reduce((sum, part) => sum + part.length, 0),
    20,
  );
  let crc = checksum(header, 0, CRC_AT, 0);
  for (const part of parts) crc = checksum(part, 0, part.length, crc);
  header.writeUInt32LE(crc, CRC_AT);
  const path = `${folder}/${sidecarName(number)}`;
  const file = await disk.open(path + PARTIAL, 'create');
  try {
    await file.writeDurably([header, ...parts], 0);
  } finally {
    await file.close();
  }
  await disk.rename(path + PARTIAL, path);
}

/** Undefined when there is no sidecar that can be trusted. */
export async function readSidecar({ disk, folder, number, seed }: SidecarPlace): Promise<Sidecar | undefined> {
  let file;
  try {
    file = await disk.open(`${folder}/${sidecarName(number)}`, 'read');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const bytes = Buffer.allocUnsafeSlow(await file.size());
    if ((await file.read(bytes, 0)) < bytes.length || bytes.length < HEADER_BYTES) return undefined;
    const index = bytes.subarray(HEADER_BYTES);
    const good =
      bytes.subarray(0, MAGIC.length).equals(MAGIC) &&
      bytes.readUInt32LE(8) === SIDECAR_VERSION &&
      bytes.readUInt32LE(12) === seed &&
      bytes.readUInt32LE(20) === index.length &&
      checksum(index, 0, index.length, checksum(bytes, 0, CRC_AT, 0)) === bytes.readUInt32LE(CRC_AT);
    return good ? { index, end: bytes.readUInt32LE(16) } : undefined;
  } finally {
    await file.close();
  }
}
