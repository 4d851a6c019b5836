import { formatPciAddress } from '../../../src/bits/pci-address.js';
import { toHex } from '../../../src/bits/u64.js';
import { decodeKernelLog } from '../../../src/firmware/kernel-log/decode.js';

/** The decoded lines, with values as text and without fields that are null. */
function decoded(text: string) {
  return decodeKernelLog(text).map(({ line, kind, sourceId, pasid, address, access, reason, suppressed }) => {
    const fields = {
      pasid,
      access,
      suppressed,
      sourceId: sourceId && formatPciAddress(sourceId),
      address: address && toHex(address),
      reason: reason && reason.code,
    };
    return {
      line,
      kind,
      ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)),
    };
  });
}

const one = (text: string) => {
  const { line: _line, ...rest } = decoded(text)[0] ?? { line: 0 };
  return rest;
};

const READ_06 = {
  kind: 'DMA_FAULT',
  sourceId: '0000:03:00.0',
  address: '0xfffd3000',
  access: 'READ',
  reason: 6,
};

describe('a DMA fault', () => {
  it.each([
    [
      'before PASIDs were printed',
      '[DMA Read] Request device [03:00.0] fault addr fffd3000 [fault reason 06] PTE Read access is not set',
    ],
    [
      'with the PASID of none in a field',
      '[DMA Read] Request device [03:00.0] PASID ffffffff fault addr fffd3000 [fault reason 06] PTE Read access is not set',
    ],
    [
      'with NO_PASID in the brackets',
      '[DMA Read NO_PASID] Request device [03:00.0] fault addr 0xfffd3000 [fault reason 0x06] PTE Read access is not set',
    ],
    [
      'with 0x in front of bus and device',
      '[DMA Read NO_PASID] Request device [0x03:0x00.0] fault addr 0xfffd3000 [fault reason 0x06] PTE Read access is not set',
    ],
  ])('is read %s', (_form, message) => {
    expect(one(`DMAR: ${message}`)).toEqual(READ_06);
  });

  it.each([
    ['a time stamp', '[   12.546923] '],
    ['a wall clock time', '[Thu Oct 22 08:54:51 2020] '],
    ['a caller', '[    1.587809][    T1] '],
    ['a level', '<3>[   12.546923] '],
    ['the words of dmesg -x', 'kern  :err   : [   12.546923] '],
    ['the fields of /dev/kmsg', '3,1021,12546923,-;'],
    ['syslog', 'May 30 17:35:46 host kernel: [  278.999485] '],
    ['syslog in another language', 'août 23 18:04:17 host kernel: '],
    ['an ISO time', '2024-08-23T19:13:02.600001+02:00 host kernel[1]: [ 9007.601194] '],
    ['syslog that repeats', 'May 30 17:35:46 host kernel: message repeated 2 times: [ [  278.999485] '],
    ['a quoting mail', '> > [   12.546923] '],
    ['a line number', '1733:[   12.546923] '],
    ['colours', '\u001b[32m[   12.546923] \u001b[0m\u001b[33m'],
  ])('is read behind %s', (_name, prefix) => {
    const message =
      'DMAR: [DMA Read] Request device [03:00.0] PASID ffffffff fault addr fffd3000 [fault reason 06] PTE Read access is not set';
    expect(one(prefix + message)).toEqual(READ_06);
  });

  it('has a decimal reason without 0x and a hexadecimal one with it', () => {
    const reasons = ['89', '0x59', '0x89', '16', '0x10'].map((code) =>
      decodeKernelLog(
        `DMAR: [DMA Read] Request device [6a:01.0] PASID 5 fault addr 7f000 [fault reason ${code}] x`,
      ).map(({ reason }) => [reason?.code, reason?.mnemonic]),
    );
    expect(reasons).toEqual([
      [[0x59, 'SPT.2']],
      [[0x59, 'SPT.2']],
      [[0x89, 'SGN.10']],
      [[16, '']],
      [[16, '']],
    ]);
  });

  it.each([
    [
      'PASID 5 in a field',
      '[DMA Write] Request device [6a:01.0] PASID 5 fault addr 7f000 [fault reason 89] x',
      5,
    ],
    [
      'PASID in the brackets',
      '[DMA Write PASID 0xfffff] Request device [6a:01.0] fault addr 0x7f000 [fault reason 0x59] x',
      0xfffff,
    ],
  ])('has the %s', (_form, message, pasid) => {
    expect(one(`DMAR: ${message}`)).toEqual({
      kind: 'DMA_FAULT',
      sourceId: '0000:6a:01.0',
      address: '0x7f000',
      access: 'WRITE',
      reason: 0x59,
      pasid,
    });
  });

  it('in two lines, as kernels before 4.3 print it, is one', () => {
    const text = [
      '[ 9731.055088] dmar: DRHD: handling fault status reg 3',
      '[ 9731.055098] dmar: DMAR:[DMA Read] Request device [01:00.1] fault addr 2231b8000 ',
      'DMAR:[fault reason 12] non-zero reserved fields in PTE',
      '[ 9731.055099] usb 1-1: something else',
      'Mar  1 10:00:00 host kernel: [    0.057770] DMAR: INTR-REMAP: Request device [[f0:1f.0] fault index 0',
      'Mar  1 10:00:00 host kernel: [    0.057770] INTR-REMAP:[fault reason 37] Blocked a compatibility format interrupt request',
    ].join('\n');
    expect(decoded(text)).toEqual([
      { line: 1, kind: 'FAULT_STATUS' },
      {
        line: 2,
        kind: 'DMA_FAULT',
        sourceId: '0000:01:00.1',
        address: '0x2231b8000',
        access: 'READ',
        reason: 12,
      },
      { line: 5, kind: 'INTERRUPT_FAULT', sourceId: '0000:f0:1f.0', address: '0x0', reason: 37 },
    ]);
    expect(decodeKernelLog(text)[1].text).toBe(
      text
        .split('\n')
        .slice(1, 3)
        .map((line) => line.trimEnd())
        .join('\n'),
    );
  });
});

it('an interrupt fault has the table index as its address', () => {
  expect(
    one('DMAR: [INTR-REMAP] Request device [42:00.2] fault index 1600 [fault reason 37] Blocked'),
  ).toEqual({
    kind: 'INTERRUPT_FAULT',
    sourceId: '0000:42:00.2',
    address: '0x1600',
    reason: 0x25,
  });
});

describe('a line that speaks of a fault but cannot be read', () => {
  it.each([
    [
      'cut off',
      '[DMA Read] Request device [03:00.0] fault addr fffd3',
      { sourceId: '0000:03:00.0', address: '0xfffd3', access: 'READ' },
    ],
    [
      'with a device number above 31',
      '[DMA Read] Request device [03:20.0] fault addr 0 [fault reason 06] x',
      { address: '0x0', access: 'READ', reason: 6 },
    ],
    [
      'with a reason above 255',
      '[DMA Read] Request device [03:00.0] fault addr 0 [fault reason 256] x',
      { sourceId: '0000:03:00.0', address: '0x0', access: 'READ' },
    ],
    [
      'with a hexadecimal reason without 0x',
      '[DMA Read] Request device [03:00.0] fault addr 0 [fault reason 0c] x',
      { sourceId: '0000:03:00.0', address: '0x0', access: 'READ' },
    ],
    [
      'with a PASID of more than 20 bits',
      '[DMA Read PASID 0x100000] Request device [03:00.0] fault addr 0x0 [fault reason 0x06] x',
      { sourceId: '0000:03:00.0', address: '0x0', access: 'READ', reason: 6 },
    ],
    [
      'with an address of more than 64 bits',
      '[DMA Read] Request device [03:00.0] fault addr 10000000000000000 [fault reason 06] x',
      {},
    ],
    [
      'with a word nobody prints',
      '[DMA Fetch] Request device [03:00.0] fault addr 0 [fault reason 06] x',
      {},
    ],
    ['of a debugging patch', 'fault 7fa8a78000 (level=1) PTE = 149efc003', {}],
    ['whose first line is missing', '[fault reason 06] PTE Read access is not set', { reason: 6 }],
    ['of the status without a number', 'DRHD: handling fault status reg', {}],
  ])('%s is UNPARSED_FAULT', (_why, message, fields) => {
    expect(one(`DMAR: ${message}`)).toEqual({ kind: 'UNPARSED_FAULT', ...fields });
  });
});

it.each([
  ['DMAR: DRHD: handling fault status reg 702', { kind: 'FAULT_STATUS' }],
  ['dmar_fault: 23 callbacks suppressed', { kind: 'SUPPRESSED_CALLBACKS', suppressed: 23 }],
  ['arm_smmu_context_fault: 4 callbacks suppressed', { kind: 'SUPPRESSED_CALLBACKS', suppressed: 4 }],
  ['DMAR: DRHD base: 0x000000fed90000 flags: 0x0', { kind: 'REMAPPING_UNIT', address: '0xfed90000' }],
  [
    'DMAR: dmar1: reg_base_addr fed91000 ver 1:0 cap d2008c20660462 ecap f010da',
    { kind: 'REMAPPING_UNIT', address: '0xfed91000' },
  ],
  [
    'DMAR: RMRR base: 0x0000009d800000 end: 0x0000009fffffff',
    { kind: 'RESERVED_MEMORY', address: '0x9d800000' },
  ],
  [
    'DMAR: [Firmware Bug]: Your BIOS is broken; bad RMRR [0x000000009d800000-0x000000009fffffff]',
    { kind: 'RESERVED_MEMORY', address: '0x9d800000' },
  ],
  [
    'DMAR: [Firmware Bug]: RMRR entry for device 0d:00.0 is broken - applying workaround',
    { kind: 'RESERVED_MEMORY', sourceId: '0000:0d:00.0' },
  ],
  ['pci 0000:00:1f.6: Adding to iommu group 9', { kind: 'GROUP_ASSIGNMENT', sourceId: '0000:00:1f.6' }],
  ['pci 10000:e1:00.0: Adding to iommu group 9', { kind: 'GROUP_ASSIGNMENT', sourceId: '10000:e1:00.0' }],
  ['iommu: Adding device 0000:00:02.0 to group 1', { kind: 'GROUP_ASSIGNMENT', sourceId: '0000:00:02.0' }],
  ['mtty 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001: Adding to iommu group 9', { kind: 'GROUP_ASSIGNMENT' }],
  ['pci 0000:00:1f.6: Removing from iommu group 9', { kind: 'OTHER_REMAPPING', sourceId: '0000:00:1f.6' }],
  ['DMAR: No RMRR found', { kind: 'OTHER_REMAPPING' }],
  ['DMAR-IR: Enabled IRQ remapping in xapic mode', { kind: 'OTHER_REMAPPING' }],
  ['iommu: Default domain type: Translated', { kind: 'OTHER_REMAPPING' }],
  [
    'vfio-pci 0000:00:02.0: DMAR: Device is ineligible for IOMMU domain attach due to platform RMRR requirement.',
    { kind: 'OTHER_REMAPPING', sourceId: '0000:00:02.0' },
  ],
  [
    'nvme 0000:01:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000c address=0xffffc080 flags=0x0050]',
    { kind: 'OTHER_VENDOR_FAULT', sourceId: '0000:01:00.0', address: '0xffffc080', access: 'READ' },
  ],
  [
    'AMD-Vi: Event logged [IO_PAGE_FAULT device=0a:00.0 domain=0x001d address=0x637c000 flags=0x0030]',
    { kind: 'OTHER_VENDOR_FAULT', sourceId: '0000:0a:00.0', address: '0x637c000', access: 'WRITE' },
  ],
  [
    'arm-smmu arm-smmu.1.auto: Unhandled context fault: fsr=0x80000402, iova=0x8010003f6000, fsynr=0x70091, cbfrsynra=0x9000, cb=7',
    { kind: 'OTHER_VENDOR_FAULT', address: '0x8010003f6000', access: 'WRITE' },
  ],
  ['arm-smmu-v3 arm-smmu-v3.0.auto: event 0x10 received:', { kind: 'OTHER_VENDOR_FAULT' }],
  ['arm-smmu-v3 arm-smmu-v3.0.auto: 0x00000180 00000010', { kind: 'OTHER_REMAPPING' }],
])('%s', (message, expected) => {
  expect(one(`[   12.546923] ${message}`)).toEqual(expected);
});

it.each([
  'usb 1-1: new device',
  'kauditd_printk_skb: 47 callbacks suppressed',
  'perf/amd_iommu: Detected AMD IOMMU #0 (2 banks, 4 counters/bank).',
  'initcall pci_iommu_init+0x0/0x3c returned 0 after 12 usecs',
  'Kernel command line: root=/dev/sda1 intel_iommu=on',
])('%s is not about remapping itself', (message) => {
  expect(decodeKernelLog(`[   12.546923] ${message}`)).toEqual([]);
});
