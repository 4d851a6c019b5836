import { u64 } from '../../../src/bits/u64.js';
import { FAULT_STATUS, GLOBAL, REGISTER } from '../../../src/layout/registers.js';
import { Host, codesOf, errnoOf, mapping, range } from '../../support/kernel/host.js';

/* Source: linux-iommu-siov.md 3.7 "Invalidation rules", the errors of the queue. */

function attached() {
  const host = Host.boot();
  const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
  host.kernel.attach(domain, host.device());
  host.kernel.map(domain, mapping('1000', '40001000', '2000'));
  return { host, domain, unit: host.kernel.units[0] };
}

it('each submission is followed by one wait, whose status word says that it is done', () => {
  const { host, domain } = attached();
  const before = host.hardware.length;
  host.kernel.unmap(domain, range('1000', '1000'));
  const kinds = host.hardware
    .slice(before)
    .flatMap((event) => (event.type === 'INVALIDATION' ? event.descriptor : []));
  // An unmap flushes the IOTLB, then the TLB of the device.
  expect(kinds).toEqual(['IOTLB', 'WAIT', 'DEVICE_TLB', 'WAIT']);
});

it('the ring of 256 slots goes round, and no submission is lost', () => {
  const { host, domain, unit } = attached();
  host.kernel.unmap(domain, range('1000', '2000'));
  for (let turn = 0; turn < 200; turn++) {
    host.kernel.map(domain, mapping('1000', '40001000', '1000'));
    expect(host.invalidations(() => host.kernel.unmap(domain, range('1000', '1000')))).toHaveLength(2);
  }
  expect(unit.read32(REGISTER.IQH)).toBe(unit.read32(REGISTER.IQT));
  expect(unit.read32(REGISTER.IQT) >>> 5).toBeLessThan(256);
});

it('a descriptor nobody mends is not the driver’s to clear: what comes behind it waits for ever', () => {
  const { host, domain, unit } = attached();
  // Type 15 is reserved. VT-d 6.5.2.
  host.kernel.submitDescriptor(unit, [u64(0, 0xf), u64(0, 0), u64(0, 0), u64(0, 0)]);
  expect(unit.read32(REGISTER.FSTS) & FAULT_STATUS.IQE).toBe(FAULT_STATUS.IQE);
  const unmap = () => host.kernel.unmap(domain, range('1000', '1000'));
  expect(errnoOf(unmap)).toBe('EIO');
  expect(unit.read32(REGISTER.FSTS) & FAULT_STATUS.IQE).toBe(FAULT_STATUS.IQE);
  expect(host.lines.some((line) => line.includes('invalid descriptor'))).toBe(false);
});

it('a queue that is switched off behind the driver’s back stands still', () => {
  const { host, domain, unit } = attached();
  host.machine.units[0].writeRegister(REGISTER.GCMD, 4, u64(0, unit.read32(REGISTER.GSTS) & ~GLOBAL.QIE));
  expect(codesOf(() => host.kernel.unmap(domain, range('1000', '1000')))).toEqual(['QUEUE_STANDS_STILL']);
});

it('a descriptor of the driver’s that the unit refuses is named in the log and replaced, and the queue goes on', () => {
  const { host, unit } = attached();
  // Page-selective within a PASID and no PASID table in use is fine; a reserved granularity is not. VT-d 6.5.2.2.
  const accepted = unit.ring!.submit(unit, [u64(0, 0x2), u64(0, 0), u64(0, 0), u64(0, 0)]);
  expect(accepted).toBe(false);
  expect(host.lines.at(-1)).toBe('DMAR: VT-d detected invalid descriptor: qw0 = 2, qw1 = 0');
  expect(unit.read32(REGISTER.FSTS) & FAULT_STATUS.IQE).toBe(0);
  expect(unit.read32(REGISTER.IQH)).toBe(unit.read32(REGISTER.IQT));
});
