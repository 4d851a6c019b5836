import { KernelError } from '../../src/kernel/errno.js';
import { findingsOf } from '../../src/platform/findings/index.js';
import { kernelConfig } from '../../src/platform/kernel-choice.js';
import { readMachine } from '../../src/platform/machine-input.js';
import { Platform, type PlatformHeader } from '../../src/platform/platform.js';
import { templates } from '../../src/platform/templates/index.js';
import { machineTexts } from '../support/machine-texts.js';

const U1 = '4a0a190f-dcf3-4def-9342-c48768f0c940';
const U2 = '9f579710-6ffc-4201-987a-4ffa0fb1f3a5';
const NVME = '0000:00:02.0';
const mdevTypes = `${NVME}
  i915-GVTg_V5_8
    Available instances: 1
    Device API: vfio-pci
    Name: GVTg_V5_8
`;

function imported(mdevDevices: string, commandLine = 'intel_iommu=on'): Platform {
  const texts = machineTexts(templates.find(({ name }) => name === 'legacy-desktop')!.describe());
  const { description, warnings } = readMachine({ ...texts, mdevTypes, mdevDevices });
  const header: PlatformHeader = {
    name: 'box',
    origin: 'IMPORTED',
    createdAt: 0,
    description,
    warnings,
    kernel: kernelConfig(commandLine, {}),
  };
  return new Platform(header);
}

it('a subdevice the machine had is there again, and takes its instance', () => {
  const platform = imported(`${U1} ${NVME} i915-GVTg_V5_8 auto\n`);
  const parent = platform.kernel.devices.get(NVME)!;
  const subdevice = platform.kernel.subdevices.get(U1)!;
  expect([subdevice.parent.name, subdevice.typeName]).toEqual([parent.name, 'i915-GVTg_V5_8']);
  expect(platform.kernel.mdevTypes(parent)).toMatchObject([
    { name: 'i915-GVTg_V5_8', displayName: 'GVTg_V5_8', availableInstances: 1 },
  ]);
  expect(platform.refusedSubdevices).toEqual([]);
  expect(platform.revision).toBe(0);
});

it('one that this kernel does not make is a finding with its errno', () => {
  const good = imported(`${U1} ${NVME} i915-GVTg_V5_8 auto\n`);
  const twice = { ...good.header.description.subdevices![0], uuid: U2, type: 'i915-none' };
  const subdevices = [...good.header.description.subdevices!, twice];
  const platform = new Platform({
    ...good.header,
    description: { ...good.header.description, subdevices },
  });
  expect(platform.refusedSubdevices).toMatchObject([{ uuid: U2, parent: NVME }]);
  expect(platform.refusedSubdevices[0].error).toBeInstanceOf(KernelError);
  const { kernel, machine, refusedSubdevices } = platform;
  const found = findingsOf({ kernel, machine, dmar: platform.header.description.dmar, refusedSubdevices });
  expect(found.filter(({ code }) => code === 'IMPORTED_SUBDEVICE_REFUSED')).toMatchObject([
    { severity: 'WARNING', subject: { kind: 'Device', name: NVME } },
  ]);
});
