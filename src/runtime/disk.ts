/**
 * The disk as a parameter: as much of a file system as the log needs, and with the guarantees that it relies on spelt out.
 * Production passes `nodeDisk`, tests pass a disk that loses, tears and refuses on purpose.
 *
 * Paths use `/`. Failures reject with the operating system's error (`code` such as `ENOSPC`, `EIO`, `ENOENT`).
 */
export interface Disk {
  /** Creates the folder and its missing parents, durably. An existing folder is fine. */
  makeFolder(folder: string): Promise<void>;
  /** Names of the entries of a folder, in no particular order. */
  list(folder: string): Promise<string[]>;
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  /** Replaces `to`. Durable after `syncFolder`. */
  rename(from: string, to: string): Promise<void>;
  /** Removing what does not exist is fine. Durable after `syncFolder`. */
  remove(path: string): Promise<void>;
  /** Makes the creations, renames and removals in a folder durable. */
  syncFolder(folder: string): Promise<void>;
  /**
   * Takes the folder for this process alone. The lock dies with the process, however that ends.
   *
   * @throws RetrainError `DATA_LOCKED` when another owner is alive; the message names the folder and the owner's process id.
   */
  lock(folder: string): Promise<FolderLock>;
}

/** `create` makes a new empty file or empties an existing one; the others demand that the file exists. */
export type OpenMode = 'read' | 'write' | 'create';

/** Positions and sizes are in bytes. */
export interface DiskFile {
  size(): Promise<number>;
  /** Fills `into` from `position` and resolves to the number of bytes read; fewer than asked for only at the end of the file. */
  read(into: Buffer, position: number): Promise<number>;
  /** Writes the parts one after the other. Not durable before `sync`; after a power cut any sector of it may be missing. */
  write(parts: readonly Buffer[], position: number): Promise<void>;
  /** As `write` followed by `sync`, in one go. */
  writeDurably(parts: readonly Buffer[], position: number): Promise<void>;
  /** Makes every write that has completed durable (the data and the size, as fdatasync does). */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface FolderLock {
  release(): Promise<void>;
}
