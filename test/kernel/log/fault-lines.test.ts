import { faultLine } from '../../../src/kernel/log/fault-lines.js';
import { faultReasonText, isInterruptFault } from '../../../src/kernel/log/fault-reason-texts.js';
import { FAULT_STATUS } from '../../../src/layout/registers.js';
import { u64 } from '../../../src/bits/u64.js';
import { Host } from '../../support/kernel/host.js';

/* Source: linux-iommu-siov.md 8.6 "Fault handling": its examples, its exact strings, its bits. */

const seen = { sourceId: 0x6a08, address: '12345000', index: 0, isRead: false, pasid: null, reason: 5 };

it.each([
  [
    'DECIMAL_REASON',
    seen,
    'DMAR: [DMA Write] Request device [6a:01.0] PASID ffffffff fault addr 12345000 [fault reason 05] PTE Write access is not set',
  ],
  [
    'DECIMAL_REASON',
    { ...seen, isRead: true, pasid: 5, address: '7f000', reason: 0x59 },
    'DMAR: [DMA Read] Request device [6a:01.0] PASID 5 fault addr 7f000 [fault reason 89] SM: Present bit in PASID Table Entry is clear',
  ],
  [
    'HEX_REASON',
    { ...seen, isRead: true, reason: 6 },
    'DMAR: [DMA Read NO_PASID] Request device [6a:01.0] fault addr 0x12345000 [fault reason 0x06] PTE Read access is not set',
  ],
  [
    'HEX_REASON',
    { ...seen, pasid: 5, address: '7f000', reason: 0x59 },
    'DMAR: [DMA Write PASID 0x5] Request device [6a:01.0] fault addr 0x7f000 [fault reason 0x59] SM: Present bit in PASID Table Entry is clear',
  ],
  [
    'DECIMAL_REASON',
    { ...seen, index: 0x1b, reason: 0x22 },
    'DMAR: [INTR-REMAP] Request device [6a:01.0] fault index 1b [fault reason 34] Present field in the IRTE entry is clear',
  ],
  [
    'HEX_REASON',
    { ...seen, index: 0x1b, reason: 0x22 },
    'DMAR: [INTR-REMAP] Request device [6a:01.0] fault index 0x1b [fault reason 0x22] Present field in the IRTE entry is clear',
  ],
] as const)('the form %s prints %j as the reference does', (form, fault, line) => {
  expect(faultLine(form, fault)).toBe(line);
});

it('legacy reasons have the exact strings of the reference', () => {
  const texts = [
    'Present bit in root entry is clear',
    'Present bit in context entry is clear',
    'Invalid context entry',
    'Access beyond MGAW',
    'PTE Write access is not set',
    'PTE Read access is not set',
    'Next page table ptr is invalid',
    'Root table address invalid',
    'Context table ptr is invalid',
    'non-zero reserved fields in RTP',
    'non-zero reserved fields in CTP',
    'non-zero reserved fields in PTE',
    'PCE for translation request specifies blocking',
  ];
  expect(texts.map((_text, index) => faultReasonText(index + 1))).toEqual(texts);
});

it('scalable-mode reasons begin with SM, interrupt reasons are 0x20 to 0x26, and what is in no table is Unknown', () => {
  const scalable = [0x30, 0x3a, 0x40, 0x48, 0x52, 0x5d, 0x70, 0x77, 0x7c, 0x87, 0x90];
  for (const reason of scalable) expect(faultReasonText(reason)).toMatch(/^SM: /);
  const interrupts = Array.from({ length: 256 }, (_each, reason) => reason).filter(isInterruptFault);
  expect(interrupts).toEqual([0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26]);
  for (const reason of [0x0e, 0x27, 0x2f, 0x33, 0x7d, 0x91, 0xff])
    expect(faultReasonText(reason)).toBe('Unknown');
});

it('an error of the queue is a fault event with a header and no record', () => {
  const host = Host.boot();
  const [unit] = host.kernel.units;
  const lines = host.linesOf(() =>
    host.kernel.submitDescriptor(unit, [u64(0, 0xf), u64(0, 0), u64(0, 0), u64(0, 0)]),
  );
  expect(lines).toEqual([`DMAR: DRHD: handling fault status reg ${FAULT_STATUS.IQE.toString(16)}`]);
  expect(FAULT_STATUS).toMatchObject({ PFO: 1, PPF: 2, IQE: 0x10, ICE: 0x20, ITE: 0x40 });
});
