import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { formatPciAddress } from '../../src/bits/pci-address.js';
import { splitBundle } from '../../src/firmware/bundle.js';
import { buildDmar } from '../../src/firmware/dmar/build.js';
import { describeMachine } from '../../src/firmware/import.js';
import { decodeKernelLog } from '../../src/firmware/kernel-log/decode.js';
import { ConfigSpaceBuilder } from '../../src/firmware/pci-config/builder.js';
import { describeRealData, filesBelow, has, readBytes, readText } from '../firmware/support/real-data.js';
import { SCRIPT, Tree, capture } from '../support/capture/script.js';

const MAX = 2 * 1024 * 1024;
const DMAR = buildDmar({
  hostAddressWidth: 46,
  interruptRemapping: true,
  structures: [
    {
      kind: 'DRHD',
      includeAll: true,
      segment: 0,
      registerBase: { hi: 0, lo: 0xfed90000 },
      size: 0,
      scopes: [],
    },
  ],
});

/** Values that must not leave a machine, and where they stand. */
const SECRETS = {
  host: 'grete-laptop',
  domain: 'grete-laptop.example.org',
  mac: '3c:52:82:6a:01:ef',
  address: '198.51.100.23',
  address6: 'fe80::3e52:82ff:fe6a:1ef',
  longAddress6: '2001:db8:1:2:3:4:5:6',
  diskUuid: '0b9f3c1e-6a52-4d0c-9a3b-1c2d3e4f5a6b',
  boardSerial: 'PF1ABCDE',
  diskSerial: 'S3EVNX0K123456',
  usbSerial: '4C530001230405',
  user: 'grete@example.org',
  machineId: '5f6ddc8f4ad84f5ab8b9f9d6e3c2b1a0',
  volume: 'grete--vg-root',
};
const UUID = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001';

/** A PCI Express function whose device serial number is its MAC address, as network cards have it. */
function nicConfig(): Uint8Array {
  const config = new ConfigSpaceBuilder({ vendorId: 0x8086, deviceId: 0x1533, classCode: 0x020000 })
    .express({ portType: 'ENDPOINT' })
    .build();
  const view = new DataView(config.buffer, config.byteOffset, config.byteLength);
  // Extended capabilities: serial number (3) at 0x140, vendor-specific (0xb) at 0x160, ATS (0xf) at 0x1a0.
  const first = view.getUint32(0x100, true);
  view.setUint32(0x100, first === 0 ? 0x14010001 : (first & 0xfffff) | (0x140 << 20), true);
  view.setUint32(0x140, (0x160 << 20) | 0x10003, true);
  config.set([0xef, 0x01, 0x6a, 0xff, 0xff, 0x82, 0x52, 0x3c], 0x144);
  view.setUint32(0x160, (0x1a0 << 20) | 0x1000b, true);
  view.setUint32(0x164, (0x18 << 20) | 0x11234, true);
  config.fill(0x5a, 0x168, 0x178);
  view.setUint32(0x1a0, 0x1000f, true);
  view.setUint32(0x1a4, 0x60, true);
  return config;
}

function machine(): Tree {
  const tree = new Tree();
  const log = [
    `[    0.000000] Linux version 6.1.0 (${SECRETS.user}) (gcc-12)`,
    `[    0.000000] Command line: BOOT_IMAGE=/vmlinuz root=/dev/mapper/${SECRETS.volume} quiet intel_iommu=on ip=${SECRETS.address}::192.0.2.1`,
    '[    0.100000] DMAR: DRHD base: 0x000000fed90000 flags: 0x1',
    '[    0.100001] DMAR: dmar0: reg_base_addr fed90000 ver 1:0 cap d2008c222f0606 ecap f00f4a',
    '[    0.200000] pci 0000:01:00.0: Adding to iommu group 1',
    `[    1.000000] e1000e 0000:01:00.0 eth0: (PCI Express:2.5GT/s:Width x1) ${SECRETS.mac}`,
    `[    1.100000] usb 1-2: SerialNumber: ${SECRETS.usbSerial}`,
    `[    1.200000] EXT4-fs (dm-0): mounted filesystem ${SECRETS.diskUuid} with ordered data mode`,
    `[    1.300000] systemd[1]: Hostname set to <${SECRETS.domain}>.`,
    `[    1.400000] nfs: server ${SECRETS.address6} and ${SECRETS.longAddress6} for ${SECRETS.host.toUpperCase()}`,
    `[    1.500000] input: Grete's keyboard as /devices/pci0000:00/0000:00:14.0/usb1`,
    `[    1.600000] [UFW BLOCK] IN=eth0 OUT= MAC=${SECRETS.mac}:aa:bb SRC=${SECRETS.address}`,
    `[    1.700000] vfio_mdev ${UUID}: Adding to iommu group 7`,
    `[    1.800000] nvme nvme0: serial number ${SECRETS.diskSerial}, board S/N: ${SECRETS.boardSerial}`,
    `[    1.900000] id ${SECRETS.machineId}`,
    '[    2.000000] DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0xfffd3000 [fault reason 0x06] PTE Read access is not set',
    '#iommu-graph end',
    'umlauts: \u00e4\u00f6\u00fc and a bell \u0007',
  ];
  tree
    .file('proc/sys/kernel/osrelease', '6.1.0-56-amd64\n')
    .file('proc/sys/kernel/hostname', `${SECRETS.domain}\n`)
    .file('proc/cmdline', `root=UUID=${SECRETS.diskUuid} quiet intel_iommu=on memmap=64M$0x1e000000\n`)
    .file('proc/modules', 'vfio_pci 16384 0 - Live 0x0\next4 1 0 - Live 0x0\n')
    .file('boot/config-6.1.0-56-amd64', 'CONFIG_INTEL_IOMMU=y\n# CONFIG_VFIO is not set\nCONFIG_USB=y\n')
    .file('sys/firmware/acpi/tables/DMAR', DMAR)
    .file('sys/class/dmi/id/board_serial', `${SECRETS.boardSerial}\n`)
    .file('sys/block/nvme0n1/device/serial', `${SECRETS.diskSerial}    \n`)
    .file('sys/bus/usb/devices/1-0/serial', '0000:00:14.0\n')
    .file('sys/class/iommu/dmar0/intel-iommu/address', 'fed90000\n')
    .file('sys/class/iommu/dmar0/intel-iommu/cap', 'd2008c222f0606\n')
    .file('sys/class/iommu/dmar0/intel-iommu/ecap', 'f00f4a\n')
    .file('sys/class/iommu/dmar0/intel-iommu/version', '1:0\n')
    .file('var/log/dmesg', log.join('\n'))
    .file('sys/module/vfio_iommu_type1/parameters/dma_entry_limit', '65535\n')
    .file('dev/vfio/vfio', '');
  addFunction(tree, '0000:01:00.0', nicConfig(), '0x020000');
  tree
    .directory('sys/bus/pci/drivers/e1000e')
    .link('sys/devices/0000:01:00.0/driver', 'sys/bus/pci/drivers/e1000e')
    .file('sys/kernel/iommu_groups/1/type', 'DMA\n')
    .file('sys/kernel/iommu_groups/1/reserved_regions', '0x00000000fee00000 0x00000000feefffff msi\n')
    .link('sys/kernel/iommu_groups/1/devices/0000:01:00.0', 'sys/devices/0000:01:00.0')
    .file('sys/devices/0000:01:00.0/mdev_supported_types/e1000e-1/name', 'Queue\n')
    .file('sys/devices/0000:01:00.0/mdev_supported_types/e1000e-1/device_api', 'vfio-pci\n')
    .file('sys/devices/0000:01:00.0/mdev_supported_types/e1000e-1/available_instances', '3\n')
    .file('sys/devices/0000:01:00.0/mdev_supported_types/e1000e-1/description', 'one queue\nof four\n')
    .link('sys/class/mdev_bus/0000:01:00.0', 'sys/devices/0000:01:00.0')
    .directory(`sys/devices/0000:01:00.0/${UUID}`)
    .link(
      `sys/devices/0000:01:00.0/${UUID}/mdev_type`,
      'sys/devices/0000:01:00.0/mdev_supported_types/e1000e-1',
    )
    .link(`sys/bus/mdev/devices/${UUID}`, `sys/devices/0000:01:00.0/${UUID}`);
  return tree;
}

function addFunction(tree: Tree, address: string, config: Uint8Array, classCode: string): void {
  const hex = (offset: number) =>
    `0x${Buffer.from(config).readUInt16LE(offset).toString(16).padStart(4, '0')}\n`;
  const directory = `sys/devices/${address}`;
  tree
    .file(`${directory}/vendor`, hex(0))
    .file(`${directory}/device`, hex(2))
    .file(`${directory}/class`, `${classCode}\n`)
    .file(`${directory}/revision`, '0x03\n')
    .file(`${directory}/config`, config)
    .link(`sys/bus/pci/devices/${address}`, directory);
}

jest.setTimeout(60_000);

let tree: Tree | null = null;
afterEach(() => {
  tree?.remove();
  tree = null;
});

const shells = ['sh', 'dash', 'bash', 'ksh', 'busybox'].filter(
  (name) => name !== 'busybox' && spawnSync(name, ['-c', ':']).status === 0,
);

describe('the capture script', () => {
  it.each(shells)('is a script %s can read', (shell) => {
    const { status, stderr } = spawnSync(shell, ['-n', SCRIPT], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });

  it('uses no awk expression that counts, which old awks do not know', () => {
    const awk = readFileSync(SCRIPT, 'utf8').replace(/^(private|matters|wanted)=.*$/gm, '');
    expect(awk.match(/[\])]\{\d/g)).toBeNull();
  });

  it.each(shells)('run by %s writes a bundle that imports as the machine it was run on', (shell) => {
    tree = machine();
    const { status, bundle, errors } = capture(tree.root, shell);
    expect([status, errors]).toEqual([0, '']);
    const { parts, kernelOptions, warnings } = splitBundle(bundle);
    expect(warnings).toEqual([]);
    expect(kernelOptions).toEqual([{ name: 'CONFIG_INTEL_IOMMU', value: 'y' }]);
    const { description, warnings: found } = describeMachine(parts);
    expect(found.map(({ message }) => message)).toEqual([expect.stringContaining('how types share')]);
    expect(description.dmar?.structures).toMatchObject([
      { kind: 'DRHD', registerBase: { hi: 0, lo: 0xfed90000 } },
    ]);
    expect(description.units).toEqual([
      {
        registerBase: { hi: 0, lo: 0xfed90000 },
        capability: { hi: 0xd2008c, lo: 0x222f0606 },
        extendedCapability: { hi: 0, lo: 0xf00f4a },
        version: 0x10,
      },
    ]);
    expect(description.commandLine).toBe('root=<removed> quiet intel_iommu=on memmap=64M$0x1e000000');
    expect(description.reportedGroups).toEqual([
      { number: 1, members: [{ domain: 0, bus: 1, device: 0, function: 0 }] },
    ]);
    const [nic] = description.functions;
    expect([formatPciAddress(nic.address), nic.driver]).toEqual(['0000:01:00.0', 'e1000e']);
    // Three are left, and one exists.
    expect(nic.mdevTypes).toMatchObject([{ group: '1', displayName: 'Queue', capacity: 4 }]);
    expect(description.subdevices).toMatchObject([{ type: 'e1000e-1' }]);
    // All bytes but the serial number and what the vendor keeps for itself.
    const expected = nicConfig();
    expected.fill(0, 0x144, 0x14c);
    expected.fill(0, 0x168, 0x178);
    expect(Buffer.from(nic.config).equals(Buffer.from(expected))).toBe(true);
    expect(decodeKernelLog(parts.kernelLog ?? '').map(({ kind }) => kind)).toEqual([
      'REMAPPING_UNIT',
      'REMAPPING_UNIT',
      'GROUP_ASSIGNMENT',
      'GROUP_ASSIGNMENT',
      'DMA_FAULT',
    ]);
  });

  it('takes out what tells machines and people apart', () => {
    tree = machine();
    const { bundle } = capture(tree.root);
    const found = Object.entries(SECRETS).filter(([, value]) =>
      bundle.toLowerCase().includes(value.toLowerCase()),
    );
    expect(found).toEqual([]);
    for (const trace of ['grete', '3c 52', 'ef 01 6a', 'Hostname', 'UFW', 'keyboard', UUID]) {
      expect([trace, bundle.toLowerCase().includes(trace.toLowerCase())]).toEqual([trace, false]);
    }
  });

  it('gives one UUID one new name throughout', () => {
    tree = machine();
    const lines = capture(tree.root).bundle.split('\n');
    const uuids = lines.flatMap((line) => line.match(/00000000-0000-4000-8000-\d{12}/g) ?? []);
    // The subdevice is in its listing and in the log, the file system in the log alone.
    expect(uuids).toHaveLength(3);
    expect(uuids[0]).toBe(uuids[2]);
    expect(uuids[1]).not.toBe(uuids[0]);
  });

  it('keeps other text of the log as it is', () => {
    tree = machine();
    const { bundle } = capture(tree.root);
    for (const line of [
      '[    0.100001] DMAR: dmar0: reg_base_addr fed90000 ver 1:0 cap d2008c222f0606 ecap f00f4a',
      '[    0.200000] pci 0000:01:00.0: Adding to iommu group 1',
      '[    2.000000] DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0xfffd3000 [fault reason 0x06] PTE Read access is not set',
      ' #iommu-graph end',
    ]) {
      expect(bundle.split('\n')).toContain(line);
    }
  });

  it('lists subdevice types and subdevices with their parents', () => {
    tree = machine();
    const lines = capture(tree.root).bundle.split('\n');
    const of = (name: string) => {
      const start = lines.indexOf(`#iommu-graph section ${name}`) + 1;
      return lines.slice(
        start,
        lines.findIndex((line, at) => at > start && line.startsWith('#iommu-graph')),
      );
    };
    expect(of('mdev-types')).toEqual([
      'parent 0000:01:00.0 type e1000e-1',
      '  name: Queue',
      '  device_api: vfio-pci',
      '  available_instances: 3',
      '  description: one queue',
      '  description: of four',
    ]);
    expect(of('mdev-devices')).toEqual([
      '00000000-0000-4000-8000-000000000001 parent 0000:01:00.0 type e1000e-1 group ',
    ]);
    expect(of('vfio')).toEqual([
      '/sys/module/vfio_iommu_type1/parameters/dma_entry_limit = 65535',
      '/dev/vfio/vfio',
      'module vfio_pci',
    ]);
  });

  it('says what an empty machine does not have', () => {
    tree = new Tree();
    const { status, bundle } = capture(tree.root);
    expect(status).toBe(0);
    expect(bundle.match(/^#iommu-graph note .*$/gm)).toHaveLength(6);
    expect(() => splitBundle(bundle)).toThrow('no section');
  });

  it('stays below 2 MB with 160 full functions and a log of 6 MB, and says what it left out', () => {
    tree = machine();
    for (let i = 0; i < 160; i++) {
      const config = new Uint8Array(4096).fill(0xa5);
      config.set([0x86, 0x80, 0x00, 0x10, 6, 0, 0, 0, 1, 0, 0, 2, 0, 0, 0, 0], 0);
      config.set([0xff, 0xff, 0xff, 0xff], 0x100);
      const bus = (2 + (i >> 3)).toString(16).padStart(2, '0');
      addFunction(tree, `0000:${bus}:00.${i & 7}`, config, '0x020000');
    }
    const filler = (i: number) => `[    3.${i}] usb 1-2: a line that says nothing about remapping at all\n`;
    const fault = (i: number) =>
      `[    4.${i}] DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0x${i}000 [fault reason 0x06] PTE Read access is not set\n`;
    const lines = Array.from({ length: 25000 }, (_, i) => filler(i) + fault(i));
    tree.file('var/log/dmesg', `[    0.0] Linux version 6.1.0\n${lines.join('')}`);
    const { status, bundle } = capture(tree.root);
    expect(status).toBe(0);
    expect(Buffer.byteLength(bundle)).toBeLessThan(MAX);
    expect(Buffer.byteLength(bundle)).toBeGreaterThan(MAX / 2);
    const { parts, warnings } = splitBundle(bundle);
    const said = warnings.map(({ message }) => message).join('\n');
    expect(said).toMatch(/pci: room ran out: only 64 bytes of \d+ functions/);
    expect(said).toMatch(/kernel-log: the kernel log is long/);
    const missing = Number(/(\d+) lines in the middle/.exec(said)?.[1]);
    const faults = decodeKernelLog(parts.kernelLog ?? '').filter(({ kind }) => kind === 'DMA_FAULT');
    expect(faults.length).toBe(25000 - missing);
    const functions = describeMachine(parts).description.functions;
    expect(functions).toHaveLength(161);
    expect(functions[1].config[0x200]).toBe(0xa5);
    expect([...functions[160].config.subarray(0, 4)]).toEqual([0x86, 0x80, 0x00, 0x10]);
  }, 120_000);

  it('takes the names of functions from lspci where it is installed', () => {
    tree = new Tree();
    const addresses = spawnSync('ls', ['/sys/bus/pci/devices'], { encoding: 'utf8' }).stdout.split('\n');
    const lines = addresses
      .filter(Boolean)
      .map((address) => `${address} Bridge [0680]: Somebody Inc. Thing of ${address} [8086:0d57] (rev 02)`);
    tree.file('lspci', `#!/bin/sh\ncat <<'LIST'\n${lines.join('\n')}\nLIST\n`);
    chmodSync(`${tree.root}/lspci`, 0o755);
    const { bundle } = capture(null, 'sh', tree.root);
    expect(bundle.split('\n').filter((line) => line.includes('Somebody Inc.'))).toEqual(lines);
    const functions = describeMachine(splitBundle(bundle).parts).description.functions;
    expect(functions.map(({ vendorName }) => vendorName)).toEqual(lines.map(() => 'Somebody Inc.'));
  });

  it('run on the machine at hand gives a bundle of what that machine shows', () => {
    const { status, bundle } = capture(null);
    expect(status).toBe(0);
    const { parts } = splitBundle(bundle);
    const { description } = describeMachine(parts);
    const shown = existsSync('/sys/bus/pci/devices')
      ? spawnSync('ls', ['/sys/bus/pci/devices'], { encoding: 'utf8' }).stdout.split('\n').filter(Boolean)
      : [];
    expect(description.functions.map(({ address }) => formatPciAddress(address))).toEqual(shown.sort());
    console.info(`this machine: ${shown.length} functions, ${Buffer.byteLength(bundle)} bytes`);
  });
});

/** Each is a kernel's whole view of a machine: units, groups, configuration spaces. */
const TREES = filesBelow('qemu-linux', /^sysfs\.tar\.gz$/);

describeRealData('the capture script on the sysfs of Linux guests', () => {
  it.each(TREES.length > 0 ? TREES : ['(none)'])(
    '%s: describes the machine its other listings do',
    (path) => {
      const folder = path.replace(/\/[^/]*$/, '');
      const read = (name: string) => (has(`${folder}/${name}`) ? readText(`${folder}/${name}`) : undefined);
      tree = new Tree();
      const { status } = spawnSync('tar', ['xzf', '-', '-C', tree.root], { input: readBytes(path) });
      expect(status).toBe(0);
      if (has(`${folder}/DMAR.bin`))
        tree.file('sys/firmware/acpi/tables/DMAR', readBytes(`${folder}/DMAR.bin`));
      tree.file('proc/cmdline', read('cmdline.txt') ?? '').file('var/log/dmesg', read('dmesg.txt') ?? '');
      const { parts } = splitBundle(capture(tree.root).bundle);
      const { description } = describeMachine(parts);
      const { description: expected } = describeMachine({
        dmar: has(`${folder}/DMAR.bin`)
          ? Buffer.from(readBytes(`${folder}/DMAR.bin`)).toString('base64')
          : undefined,
        pci: read('lspci-xxxx.txt'),
        iommuGroups: read('iommu_groups.txt')?.trim() ? read('iommu_groups.txt') : undefined,
        iommuUnits: read('iommu_units.txt')?.trim() ? read('iommu_units.txt') : undefined,
        kernelLog: read('dmesg.txt'),
      });
      expect(description.dmar).toEqual(expected.dmar);
      expect(description.units).toEqual(expected.units);
      expect(description.reportedGroups).toEqual(expected.reportedGroups);
      expect(description.commandLine).toBe(expected.commandLine);
      const functions = (machine: typeof description) =>
        machine.functions.map(({ address, config, physicalFunction }) => {
          // The emulator gives network cards serial numbers made of the MAC addresses 52:54:00:12:34:56 and up.
          const hex = Buffer.from(config)
            .toString('hex')
            .replace(/..3412ffff005452/g, '0'.repeat(16));
          return [formatPciAddress(address), physicalFunction, hex.replace(/(?:00){32,}/g, '..')];
        });
      expect(functions(description)).toEqual(functions(expected));
    },
    60_000,
  );
});
