import { parseHex } from '../../../src/bits/u64.js';
import type { MachineDescription } from '../../../src/firmware/description.js';
import { describeMachine } from '../../../src/firmware/import.js';
import type { AttachOutcome } from '../../../src/kernel/iommu/attach.js';
import type { Command } from '../../../src/platform/command.js';
import { findingsOf } from '../../../src/platform/findings/index.js';
import { kernelConfig } from '../../../src/platform/kernel-choice.js';
import { Platform } from '../../../src/platform/platform.js';
import { IDXD_TYPE } from '../../../src/platform/subdevice-drivers.js';
import { formatPciAddress } from '../../../src/bits/pci-address.js';
import { describeRealData, readBytes, readText } from '../../firmware/support/real-data.js';
import { packExtendedCapability } from '../../../src/layout/capability.js';
import { ECAP, U1 } from '../../support/kernel/host.js';

const MACHINE = 'qemu-linux/topology/pci-bridge-alias';
/** Two cards behind the PCIe-to-PCI bridge of that machine: to the unit both are 0000:02:00.0. */
const PARENT = '0000:02:01.0';
const NEIGHBOUR = '0000:02:02.0';

/** The recorded machine, were its unit able to do scalable mode and one card made of subdevices. */
function recordedMachine(): MachineDescription {
  const { description } = describeMachine({
    dmar: Buffer.from(readBytes(`${MACHINE}/DMAR.bin`)).toString('base64'),
    pci: readText(`${MACHINE}/lspci-xxxx.txt`),
    kernelLog: readText(`${MACHINE}/dmesg.txt`),
  });
  return {
    ...description,
    units: description.units.map((unit) => ({ ...unit, extendedCapability: packExtendedCapability(ECAP) })),
    functions: description.functions.map((fn) =>
      formatPciAddress(fn.address) === PARENT ? { ...fn, driver: 'gpu', mdevTypes: [IDXD_TYPE] } : fn,
    ),
  };
}

describeRealData('a subdevice of a card behind a conventional bridge', () => {
  let platform: Platform;
  let domain: number;
  const found = (code: string) =>
    findingsOf({
      kernel: platform.kernel,
      machine: platform.machine,
      dmar: platform.header.description.dmar,
    }).find((each) => each.code === code && each.subject?.kind === 'Device' && each.subject.name === PARENT);
  const perform = <T>(command: Command): T => {
    const { result } = platform.apply({ command, time: 0 });
    if (!result.ok) throw result.error;
    return result.value as T;
  };
  const readBy = (name: string) =>
    perform<{ completed: boolean }>({
      type: 'dma',
      endpoint: { kind: 'Device', name },
      pasid: 'NONE',
      address: parseHex('5000')!,
      size: 4,
      access: 'READ',
      data: null,
      translation: 'UNTRANSLATED',
    }).completed;
  const target = { kind: 'Subdevice', name: U1 } as const;

  beforeAll(() => {
    platform = new Platform({
      name: 'bridge',
      origin: 'IMPORTED',
      createdAt: 0,
      description: recordedMachine(),
      kernel: kernelConfig('intel_iommu=on,sm_on', { profile: 'V5_10' }),
      warnings: [],
    });
    perform({ type: 'createMdev', parent: PARENT, mdevType: 'gpu-1dwq-v1', uuid: U1 });
    const { kernel } = platform;
    const made = kernel.allocDomain('mdev', 'UNMANAGED');
    domain = made.number;
    kernel.map(made, {
      iova: parseHex('5000')!,
      physical: parseHex('40005000')!,
      size: parseHex('1000')!,
      read: true,
      write: true,
    });
  });

  it('takes the neighbours with it: the warning and the finding name them, and their DMA goes its way', () => {
    expect([readBy(PARENT), readBy(NEIGHBOUR)]).toEqual([false, false]);
    const { warnings } = perform<AttachOutcome>({ type: 'attach', domain, target });
    expect(warnings.some((warning) => warning.startsWith(`Requests of ${NEIGHBOUR}`))).toBe(true);
    expect(found('PARENT_TRANSLATION_REPLACED')!.message).toMatch(
      /Requests of 0000:02:02\.0, 0000:02:03\.0 arrive under an id of 0000:02:01\.0 and go through it as well\.$/,
    );
    expect([readBy(PARENT), readBy(NEIGHBOUR)]).toEqual([true, true]);
  });

  it('leaves them without a domain too when it is detached', () => {
    perform({ type: 'detach', domain, target });
    expect(found('DEVICE_WITHOUT_DOMAIN')!.message).toContain(
      '0000:02:02.0, 0000:02:03.0 arrive under an id',
    );
    expect(readBy(NEIGHBOUR)).toBe(false);
  });
});
