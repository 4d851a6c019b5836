import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toHexDigits } from '../../src/bits/u64.js';
import { describeMachine } from '../../src/firmware/import.js';
import { KernelError } from '../../src/kernel/errno.js';
import type { ReservedRegion } from '../../src/kernel/iommu/reserved-region.js';
import { findingsOf } from '../../src/platform/findings/index.js';
import { kernelConfig } from '../../src/platform/kernel-choice.js';
import { Platform } from '../../src/platform/platform.js';
import { EVIDENCE, hasEvidence } from '../support/pci-evidence.js';

const ROOT = 'qemu-linux/dmar';
const CAPTURES = ['rmrr', 'dmar-no-platform-flags'];

const present = hasEvidence(ROOT);
if (!present) console.warn(`SKIPPED: no recorded machines with other tables at ${join(EVIDENCE, ROOT)}`);

function read(name: string, file: string): string {
  const path = join(EVIDENCE, ROOT, name, file);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

function imported(name: string): Platform {
  const { description, warnings } = describeMachine({
    dmar: readFileSync(join(EVIDENCE, ROOT, name, 'DMAR-supplied.bin')).toString('base64'),
    pci: read(name, 'lspci-xxxx.txt'),
    iommuUnits: read(name, 'iommu_units.txt'),
    kernelLog: read(name, 'dmesg.txt'),
    commandLine: read(name, 'cmdline.txt').trim(),
  });
  const off = [{ name: 'CONFIG_INTEL_IOMMU_SCALABLE_IOV', value: 'n' }];
  return new Platform({
    name: 'imported',
    origin: 'IMPORTED',
    createdAt: 0,
    description,
    kernel: kernelConfig(description.commandLine, { profile: 'V6_1', options: off }),
    warnings,
  });
}

/** The file `reserved_regions` of sysfs. */
function sysfsLine({ start, last, type }: ReservedRegion): string {
  const [from, to] = [start, last].map((value) => `0x${toHexDigits(value).padStart(16, '0')}`);
  return `${from} ${to} ${type.toLowerCase().replace('_', '-')}`;
}

const findings = (platform: Platform) =>
  findingsOf({
    kernel: platform.kernel,
    machine: platform.machine,
    dmar: platform.header.description.dmar,
  });

(present ? describe.each(CAPTURES) : describe.skip.each(CAPTURES))('the machine %s', (name) => {
  it('logs the same lines about its table, its units and interrupt remapping', () => {
    const real = read(name, 'dmesg.txt')
      .split('\n')
      .map((line) => line.replace(/^(?:<\d+>)?\[[^\]]*\] /, ''))
      .filter((line) => /^(?:DMAR: |DMAR-IR: |iommu: )|: Adding to iommu group/.test(line));
    expect(imported(name).kernel.log.lines.map(({ text }) => text)).toEqual(real);
  });

  it('has the same groups with the same reserved regions', () => {
    const { kernel } = imported(name);
    const ours = [...kernel.groups.values()].map((group) => ({
      number: group.number,
      devices: group.members.map((member) => member.name).sort(),
      regions: kernel.groupReservedRegions(group).map(sysfsLine),
    }));
    const real = read(name, 'iommu_groups.txt')
      .split(/^group /m)
      .slice(1)
      .map((text) => ({
        number: parseInt(text, 10),
        devices: (/devices: (.*)/.exec(text)?.[1] ?? '').trim().split(' ').sort(),
        regions: [...text.matchAll(/0x[0-9a-f]+ 0x[0-9a-f]+ [a-z-]+/g)].map(([line]) => line),
      }));
    expect(real.length).toBeGreaterThan(0);
    expect(ours).toEqual(real);
  });
});

(present ? describe : describe.skip)('reserved memory', () => {
  it('is a finding for every device that has some, locked or relaxable as the kernel sees it', () => {
    const found = findings(imported('rmrr'))
      .filter(({ code }) => code.startsWith('RMRR_'))
      .map(({ code, subject }) => [code, subject !== null && 'name' in subject ? subject.name : null]);
    expect(found).toEqual([
      ['RMRR_LOCKED', '0000:00:02.0'],
      ['RMRR_LOCKED', '0000:00:05.0'],
      // The region of a device behind a bridge: what the scope names is asked, not what shares its group.
      ['RMRR_LOCKED', '0000:02:01.0'],
      ['RMRR_RELAXABLE', '0000:00:01.0'],
      ['RMRR_RELAXABLE', '0000:00:07.0'],
    ]);
  });

  it('refuses a locked device to a user domain with the line the kernel printed, and gives a USB device', () => {
    const { kernel } = imported('rmrr');
    const domain = () => kernel.allocDomain('pci', 'UNMANAGED');
    const locked = kernel.devices.get('0000:00:05.0')!;
    expect(() => kernel.attach(domain(), locked)).toThrow(KernelError);
    const said = /vfio-pci 0000:00:05\.0: (DMAR: Device is ineligible.*)/.exec(
      read('rmrr', 'dmesg-end.txt'),
    )![1];
    expect(kernel.log.lines.at(-1)!.text).toContain(said);
    expect(() => kernel.attach(domain(), kernel.devices.get('0000:00:07.0')!)).not.toThrow();
  });
});

(present ? describe : describe.skip)('a table without platform flags', () => {
  it('leaves interrupts alone, which is a finding, and VFIO refuses with EPERM', () => {
    const platform = imported('dmar-no-platform-flags');
    const { kernel } = platform;
    expect(kernel.interruptRemapping).toMatchObject({ mode: null });
    expect(findings(platform).map(({ code }) => code)).toContain('INTERRUPT_REMAPPING_OFF');
    const device = kernel.devices.get('0000:00:06.0')!;
    if (device.driver !== null) kernel.unbindDriver(device);
    kernel.bindDriver(device, 'vfio-pci');
    const container = kernel.vfio.openContainer(null);
    kernel.vfio.addGroup(container, device.group!);
    expect(() => kernel.vfio.setIommu(container, 3)).toThrow(
      expect.objectContaining({ errno: 'EPERM' }) as Error,
    );
  });
});
