import { expect, test } from 'vitest';
import { readCheckpoint } from './checkpoint.ts';

// The note is the example of the API's document; the form of signature lines is that of C2SP signed-note.
const note = 'etfcast/5f0c9a7e2d1b4c3895e6a1d07b2f4c88\n42\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';

test('a checkpoint is read, with and without a signature', () => {
  const read = { name: 'etfcast/5f0c9a7e2d1b4c3895e6a1d07b2f4c88', size: 42, root: 'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=' };
  expect(readCheckpoint(note)).toEqual({ ...read, signed: false });
  expect(readCheckpoint(`${note}\n— etfcast/5f0c AAAAAA==\n`)).toEqual({ ...read, signed: true });
});

test('what is no checkpoint is not read', () => {
  for (const text of ['', 'one line', 'name\nmany\nroot\n', 'name\n0\nroot\n', 'name\n42\n\n']) expect(readCheckpoint(text)).toBeUndefined();
});
