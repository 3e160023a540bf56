/** What a ledger's checkpoint says: a note of the log's name, the number of leaves and the root, each on a line. */
export function readCheckpoint(note: string): { name: string; size: number; root: string; signed: boolean } | undefined {
  const [name, size, root] = note.split('\n');
  if (!name || !size || !/^[1-9]\d*$/.test(size) || !root) return undefined;
  return { name, size: Number(size), root, signed: note.includes('\n\n\u2014 ') };
}
