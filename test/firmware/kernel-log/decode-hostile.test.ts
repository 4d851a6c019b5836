import fc from 'fast-check';
import { decodeKernelLog } from '../../../src/firmware/kernel-log/decode.js';

const LINES = [
  'DMAR: [DMA Read NO_PASID] Request device [03:00.0] fault addr 0xfffd3000 [fault reason 0x06] PTE Read access is not set',
  'May 30 17:35:46 host kernel: [  278.999485] DMAR: [DMA Read] Request device [00:16.7] PASID ffffffff fault addr 9cdff000 [fault reason 02] Present bit in context entry is clear',
  'DMAR: [INTR-REMAP] Request device [42:00.2] fault index 1600 [fault reason 37] Blocked a compatibility format interrupt request',
  'dmar: DMAR:[DMA Read] Request device [01:00.1] fault addr 2231b8000 ',
  'DMAR:[fault reason 12] non-zero reserved fields in PTE',
  'DMAR: RMRR base: 0x0000009d800000 end: 0x0000009fffffff',
  'nvme 0000:01:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000c address=0xffffc080 flags=0x0050]',
  'arm-smmu arm-smmu.1.auto: Unhandled context fault: fsr=0x80000402, iova=0x8010003f6000, fsynr=0x70091, cb=7',
  'pci 0000:00:1f.6: Adding to iommu group 9',
];

/** Pieces a line is made of, so that what is generated comes close to what is read. */
const piece = fc.oneof(
  fc.constantFrom(...LINES.flatMap((line) => line.split(/(?<= )/))),
  fc.constantFrom(
    ' ',
    '[',
    ']',
    ':',
    '0x',
    'kernel: ',
    'DMAR: ',
    '\n',
    '\r',
    '\t',
    '\u0000',
    '\u001b[',
    '<',
    '>',
  ),
  fc.string({ maxLength: 8 }),
);

const isSound = (text: string) => {
  const count = text.split(/\r\n|\r|\n/).length;
  let last = 0;
  for (const { line, sourceId, pasid, address, suppressed, reason } of decodeKernelLog(text)) {
    expect(line).toBeGreaterThan(last);
    expect(line).toBeLessThanOrEqual(count);
    last = line;
    if (sourceId) expect(sourceId.device).toBeLessThan(32);
    if (pasid !== null) expect(pasid).toBeLessThanOrEqual(0xfffff);
    if (address) expect(address.hi >>> 0).toBe(address.hi);
    if (reason) expect(reason.code).toBeLessThanOrEqual(0xff);
    if (suppressed !== null) expect(Number.isSafeInteger(suppressed)).toBe(true);
  }
};

it('text made of pieces of fault lines decodes to sound fields or to nothing', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => isSound(pieces.join(''))),
    { numRuns: 1000, seed: 6 },
  );
});

it('a line with characters changed never throws', () => {
  const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 0x2ff }));
  fc.assert(
    fc.property(
      fc.constantFrom(...LINES),
      fc.array(change, { minLength: 1, maxLength: 6 }),
      (line, changes) => {
        const characters = [...line];
        for (const [at, code] of changes) characters[at % characters.length] = String.fromCharCode(code);
        isSound(characters.join(''));
      },
    ),
    { numRuns: 2000, seed: 6 },
  );
});

describe('time is bounded for', () => {
  const MEGABYTE = 1 << 20;
  it.each([
    ['one line of brackets', 'DMAR: ' + '['.repeat(MEGABYTE)],
    ['one line of stamps', '[ 1.0] '.repeat(MEGABYTE / 7) + 'DMAR: x'],
    ['one line of kernels', 'DMAR kernel kernel: '.repeat(MEGABYTE / 20)],
    ['one line of blanks', 'DMAR:' + ' '.repeat(MEGABYTE) + 'x'],
    ['one line of digits', 'DMAR: [DMA Read] Request device [00:00.0] fault addr ' + '1'.repeat(MEGABYTE)],
    ['one line of colours', '\u001b['.repeat(MEGABYTE / 2) + 'DMAR: x'],
    ['one line of quotes', '> '.repeat(MEGABYTE / 2) + 'DMAR: x'],
    ['lines that wait for a reason', `${LINES[3]}\n`.repeat(MEGABYTE / 68)],
    ['a firmware bug without end', `${'DMAR: [Firmware Bug]: RMRR '.repeat(100)}\n`.repeat(400)],
    ['as many faults as fit', `${LINES[0]}\n`.repeat(MEGABYTE / 120)],
  ])('%s', (_name, text) => {
    const before = process.cpuUsage().user;
    isSound(text);
    expect((process.cpuUsage().user - before) / 1e6).toBeLessThan(20);
  });
});
