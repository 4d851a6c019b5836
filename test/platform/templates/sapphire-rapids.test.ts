import { existsSync, readFileSync } from 'node:fs';
import { ACS, decodeAcs } from '../../../src/layout/pci/acs.js';
import { decodeAts } from '../../../src/layout/pci/ats.js';
import { extendedCapabilities, standardCapabilities } from '../../../src/layout/pci/capabilities.js';
import { EXTENDED_CAPABILITY } from '../../../src/layout/pci/capability-ids.js';
import { decodeDvsec, isScalableIov } from '../../../src/layout/pci/dvsec.js';
import { decodeExpress } from '../../../src/layout/pci/express.js';
import { decodePasid } from '../../../src/layout/pci/pasid.js';
import { decodePri } from '../../../src/layout/pci/pri.js';
import { sapphireRapids } from '../../../src/platform/templates/sapphire-rapids/index.js';
import { at, resolve } from './support.js';

const machine = sapphireRapids.describe();
const offsetOf = (config: Uint8Array, id: number) =>
  extendedCapabilities(config).find((entry) => entry.id === id)?.offset ?? 0;
const expressOf = (config: Uint8Array) =>
  decodeExpress(config, standardCapabilities(config).find(({ id }) => id === 0x10)!.offset);
const idsOf = (config: Uint8Array) =>
  [config[1], config[0], config[3], config[2]].map((byte) => byte.toString(16).padStart(2, '0')).join('');

describe.each(['6a:01.0', 'e7:01.0', '6a:02.0', 'e7:02.0'])('accelerator %s', (address) => {
  const { config, driver } = at(address, machine);

  it('is an idxd device inside the root complex', () => {
    expect(idsOf(config)).toBe(address.includes(':01') ? '80860b25' : '80860cfe');
    expect(driver).toBe('idxd');
    expect(expressOf(config)).toMatchObject({ portType: 'ROOT_COMPLEX_ENDPOINT', endToEndPrefix: true });
  });

  it('has ATS, PRI and 20-bit PASIDs, all off', () => {
    expect(decodeAts(config, offsetOf(config, EXTENDED_CAPABILITY.addressTranslationServices))).toMatchObject(
      { queueDepth: 32, enabled: false },
    );
    expect(decodePasid(config, offsetOf(config, EXTENDED_CAPABILITY.pasid))).toMatchObject({
      maxWidth: 20,
      enabled: false,
    });
    expect(decodePri(config, offsetOf(config, EXTENDED_CAPABILITY.pageRequestInterface))).toMatchObject({
      maxRequests: 512,
      enabled: false,
    });
  });

  it('announces Scalable IOV in a DVSEC with vendor 8086 and id 5', () => {
    const dvsec = decodeDvsec(config, offsetOf(config, EXTENDED_CAPABILITY.designatedVendorSpecific));
    expect(dvsec).toMatchObject({ vendorId: 0x8086, id: 5, length: 0x18 });
    expect(isScalableIov(dvsec)).toBe(true);
  });

  it('has its capabilities where a listing of such a device shows them', () => {
    const path = '../shared/data/mdev/idxd-emr-caps.lspci.txt';
    if (!existsSync(path)) {
      console.warn(`SKIPPED: no ${path}; offsets of idxd capabilities are not compared with a real device`);
      return;
    }
    const listing = readFileSync(path, 'utf8');
    const places = [...listing.matchAll(/Capabilities: \[([0-9a-f]+) v1\] .*\((ATS|PASID|PRI)\)/g)];
    expect(places).toHaveLength(3);
    const ids = { ATS: 0x0f, PASID: 0x1b, PRI: 0x13 };
    for (const [, offset, name] of places) {
      expect(offsetOf(config, ids[name as keyof typeof ids])).toBe(parseInt(offset, 16));
    }
    expect(listing).toContain('Max PASID Width: 14');
    expect(listing).toContain('Page Request Capacity: 00000200');
  });
});

it('offers eight one-queue subdevices on each data streaming accelerator and none elsewhere', () => {
  const parents = machine.functions.filter(({ mdevTypes }) => mdevTypes.length > 0);
  expect(parents).toEqual([at('6a:01.0', machine), at('e7:01.0', machine)]);
  for (const { driver, mdevTypes } of parents) {
    expect(mdevTypes.map(({ group }) => `${driver}-${group}`)).toEqual(['idxd-1dwq-v1']);
    expect(mdevTypes[0]).toMatchObject({ deviceApi: 'vfio-pci', cost: 1, capacity: 8 });
  }
});

it('gives the accelerators units of their own, one for each socket', () => {
  const owners = machine.dmar!.structures.flatMap((structure) =>
    structure.kind === 'DRHD' && structure.scopes.some((scope) => scope.kind === 'PCI_ENDPOINT')
      ? [structure.scopes.map((scope) => resolve(machine, scope)!.address.bus)]
      : [],
  );
  expect(owners).toEqual([
    [0x6a, 0x6a],
    [0xe7, 0xe7],
  ]);
});

it('has full ACS on every root port, on as far as the kernel asks', () => {
  const ports = machine.functions.filter(
    ({ config }) =>
      standardCapabilities(config).some(({ id }) => id === 0x10) &&
      expressOf(config).portType === 'ROOT_PORT',
  );
  expect(ports).toHaveLength(9);
  const asked = ACS.sourceValidation | ACS.requestRedirect | ACS.completionRedirect | ACS.upstreamForwarding;
  for (const { config } of ports) {
    const acs = decodeAcs(config, offsetOf(config, EXTENDED_CAPABILITY.accessControlServices));
    expect(acs.capability & asked).toBe(asked);
    expect(acs.control).toBe(asked);
  }
});

it('has two ports on its network card with four virtual functions each', () => {
  const virtual = machine.functions.filter(({ physicalFunction }) => physicalFunction !== null);
  expect(virtual.map(({ address }) => [address.bus, address.device, address.function])).toEqual([
    [0x16, 0x01, 0],
    [0x16, 0x01, 1],
    [0x16, 0x01, 2],
    [0x16, 0x01, 3],
    [0x16, 0x11, 0],
    [0x16, 0x11, 1],
    [0x16, 0x11, 2],
    [0x16, 0x11, 3],
  ]);
  expect(virtual.map(({ config }) => idsOf(config))).toEqual(virtual.map(() => '80861889'));
  expect(idsOf(at('16:00.1', machine).config)).toBe('80861592');
  expect(expressOf(at('15:01.0', machine).config).ariForwarding).toBe(true);
});

it('has a conventional bus with two functions behind a PCIe-to-PCI bridge', () => {
  expect(expressOf(at('38:00.0', machine).config).portType).toBe('PCIE_TO_PCI_BRIDGE');
  for (const address of ['39:04.0', '39:04.1']) expect(at(address, machine).config).toHaveLength(256);
});

it('reserves memory for a USB controller and, behind a port, for a RAID controller', () => {
  const regions = machine.dmar!.structures.filter((structure) => structure.kind === 'RMRR');
  expect(regions.map(({ scopes }) => resolve(machine, scopes[0])!.className)).toEqual([
    'USB controller',
    'RAID bus controller',
  ]);
});
