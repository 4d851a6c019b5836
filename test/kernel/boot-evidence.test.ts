import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeMachine } from '../../src/firmware/import.js';
import { Machine } from '../../src/hardware/machine.js';
import { Kernel } from '../../src/kernel/kernel.js';
import { EVIDENCE, hasEvidence } from '../support/pci-evidence.js';

const ROOT = 'qemu-linux/topology';
/** Captures of 6.1 with one boot and nothing done to it; Debian switches the driver on by itself. */
const CAPTURES = [
  'aw39',
  'default-options',
  'flat-q35',
  'kernel-off',
  'lazy',
  'multifunction',
  'no-intremap',
  'no-iommu',
  'pci-bridge-alias',
  'pcie-switch',
  'root-ports-acs',
  'scalable-mode',
];

const present = hasEvidence(ROOT);
if (!present) console.warn(`SKIPPED: no recorded machines at ${join(EVIDENCE, ROOT)}`);

(present ? describe.each(CAPTURES) : describe.skip.each(CAPTURES))('the recorded boot %s', (name) => {
  const read = (file: string) => {
    const path = join(EVIDENCE, ROOT, name, file);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  };

  function booted(): Kernel {
    const { description } = describeMachine({
      dmar: read('DMAR.dsl') || undefined,
      pci: read('lspci-xxxx.txt'),
      iommuUnits: read('iommu_units.txt') || undefined,
      kernelLog: read('dmesg.txt'),
    });
    const machine = Machine.fromDescription(description, []);
    const kernel = new Kernel({
      config: {
        profile: 'V6_1',
        commandLine: read('cmdline.txt').trim(),
        options: { CONFIG_INTEL_IOMMU_DEFAULT_ON: 'y', CONFIG_INTEL_IOMMU_SCALABLE_IOV: 'n' },
        subdeviceModel: 'MDEV_BUS_OPS',
        parentLookup: 'MDEV_BUS_ONLY',
        auxRequirement: 'FALL_BACK_TO_PRIMARY',
        busOrganisation: 'ONE_OPS_PER_BUS',
        dmaEntryLimit: 65535,
      },
      machine,
      dmar: description.dmar,
      x2apic: description.x2apic,
      events: [],
      devices: description.functions.map(({ address }) => ({
        fn: machine.topology.find(address)!,
        driver: null,
        mdevTypes: [],
      })),
    });
    kernel.boot();
    return kernel;
  }

  it('prints the same lines about DMA and interrupt remapping, in the same order', () => {
    const real = read('dmesg.txt')
      .split('\n')
      .map((line) => line.replace(/^(?:<\d+>)?\[[^\]]*\] /, ''))
      .filter((line) => /^(?:DMAR: |DMAR-IR: |iommu: )|: Adding to iommu group/.test(line));
    expect(booted().log.lines.map((line) => line.text)).toEqual(real);
  });

  it('uses as many domain ids on each unit', () => {
    const kernel = booted();
    const used = [...read('iommu_units.txt').matchAll(/domains_used: (\d+)/g)].map((match) =>
      Number(match[1]),
    );
    expect(kernel.units.filter((unit) => unit.translationEnabled).map((unit) => unit.domainIdsUsed)).toEqual(
      used,
    );
  });
});
