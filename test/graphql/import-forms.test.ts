import { ConfigSpaceBuilder } from '../../src/firmware/pci-config/builder.js';
import { buildDmar } from '../../src/firmware/dmar/build.js';
import { type Api, startApi } from '../support/api.js';

let api: Api;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());

const IMPORT = /* GraphQL */ `
  mutation Import($input: ImportPlatformInput!) {
    importPlatform(input: $input) {
      __typename
      ... on Error {
        message
      }
      ... on PlatformPayload {
        warnings {
          source
          message
        }
        platform {
          id
          iommuUnits {
            name
            registerBase
          }
          devices {
            nodes {
              name
              vendorId
              deviceId
              classCode
              capabilities {
                pcie
              }
              upstream {
                name
              }
            }
          }
          groups {
            nodes {
              members {
                name
              }
              because {
                kind
                device {
                  name
                }
                via {
                  name
                }
                missingAcs
              }
            }
          }
          reportedGroups {
            device {
              name
            }
            reportedNumber
          }
        }
      }
    }
  }
`;

interface Named {
  readonly name: string;
}
interface Payload {
  readonly __typename: string;
  readonly message?: string;
  readonly warnings: readonly { readonly source: string; readonly message: string }[];
  readonly platform: {
    readonly id: string;
    readonly iommuUnits: readonly { readonly name: string; readonly registerBase: string }[];
    readonly devices: {
      readonly nodes: readonly (Named & {
        readonly vendorId: number;
        readonly deviceId: number;
        readonly classCode: number;
        readonly capabilities: { readonly pcie: boolean };
        readonly upstream: Named | null;
      })[];
    };
    readonly groups: {
      readonly nodes: readonly {
        readonly members: readonly Named[];
        readonly because: readonly {
          readonly kind: string;
          readonly device: Named;
          readonly via: Named | null;
          readonly missingAcs: string[];
        }[];
      }[];
    };
    readonly reportedGroups: readonly { readonly device: Named; readonly reportedNumber: number | null }[];
  };
}

let count = 0;
async function imported(parts: Record<string, string>): Promise<Payload> {
  const input = { name: `form-${count++}`, ...parts };
  const { importPlatform } = await api.ask<{ importPlatform: Payload }>(IMPORT, { input });
  if (importPlatform.__typename !== 'PlatformPayload') throw new Error(importPlatform.message);
  return importPlatform;
}

const TABLE = buildDmar({
  hostAddressWidth: 39,
  structures: [
    {
      kind: 'DRHD',
      includeAll: true,
      segment: 0,
      registerBase: { hi: 0, lo: 0xfed91000 },
      size: 0,
      scopes: [],
    },
  ],
});
const two = (value: number) => value.toString(16).padStart(2, '0');
const dumped = (bytes: Uint8Array) =>
  Array.from({ length: bytes.length / 16 }, (_, row) => {
    const values = [...bytes.subarray(row * 16, row * 16 + 16)].map(two);
    return `${two(row * 16)}: ${values.join(' ')}\n`;
  }).join('');

/** A root port without ACS and a network card of two functions behind it. */
const PORT = new ConfigSpaceBuilder({
  vendorId: 0x8086,
  deviceId: 0x9d10,
  classCode: 0x060400,
  bridge: { primary: 0, secondary: 2, subordinate: 2 },
})
  .express({ portType: 'ROOT_PORT' }, 0x40)
  .build();
const CARD = [0, 1].map(() =>
  new ConfigSpaceBuilder({ vendorId: 0x8086, deviceId: 0x1521, classCode: 0x020000, multiFunction: true })
    .express({ portType: 'ENDPOINT' }, 0xa0)
    .build(),
);
const PORT_TEXT =
  '\tControl: I/O+ Mem+ BusMaster+\n\tBus: primary=00, secondary=02, subordinate=02, sec-latency=0\n\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n';
const CARD_TEXT =
  '\tControl: I/O- Mem+ BusMaster+\n\tCapabilities: [a0] Express (v2) Endpoint, MSI 00\n\t\tDevCap:\tMaxPayload 512 bytes\n\tKernel driver in use: igb\n';

interface Form {
  /** Places of port and card functions. */
  readonly at?: readonly string[];
  readonly numbers?: boolean;
  readonly text?: boolean;
  readonly hex?: number;
}

/** What lspci prints of the machine with one set of its options. */
function listing({ at = ['00:1c.0', '02:00.0', '02:00.1'], numbers, text, hex }: Form): string {
  const names = [
    numbers
      ? 'PCI bridge [0604]: Intel Corporation Port [8086:9d10]'
      : 'PCI bridge: Intel Corporation Device 9d10',
    numbers
      ? 'Ethernet controller [0200]: Intel Corporation I350 [8086:1521]'
      : 'Ethernet controller: Intel Corporation Device 1521',
  ];
  return [PORT, ...CARD]
    .map((config, index) => {
      const name = names[Math.min(index, 1)];
      const below = text ? (index === 0 ? PORT_TEXT : CARD_TEXT) : '';
      return `${at[index]} ${name}\n${below}${hex ? dumped(config.subarray(0, hex)) : ''}\n`;
    })
    .join('');
}

const WHOLE = ['0000:00:1c.0', '0000:02:00.0', '0000:02:00.1'];
const PATHS = ['00:1c.0', '00:1c.0/00.0', '00:1c.0/00.1'];
const LONG_PATHS = ['00:1c.0', '00:1c.0/02:00.0', '00:1c.0/02:00.1'];
const VMD = ['10000:e0:06.0', '10000:02:00.0', '10000:02:00.1'];
const DMAR = Buffer.from(TABLE).toString('base64');

describe('a machine is the same from each form of lspci', () => {
  it.each<[string, Form]>([
    ['-xxxx', { hex: 4096 }],
    ['-Dxxxx', { hex: 4096, at: WHOLE }],
    ['-vvvxxxx', { hex: 4096, text: true }],
    ['-vvvnnxxxx', { hex: 4096, text: true, numbers: true }],
    ['-vvvx, whose dump ends behind the header', { hex: 64, text: true }],
    ['-vvv alone', { text: true }],
    ['-vvvnn', { text: true, numbers: true }],
    ['-Pxxxx, which leaves bus numbers out', { hex: 4096, at: PATHS }],
    ['-Pvvv, whose bridges say their buses in words', { text: true, at: PATHS }],
    ['-PPxxxx', { hex: 4096, at: LONG_PATHS }],
    ['-PPvvvnn', { text: true, numbers: true, at: LONG_PATHS }],
  ])('%s', async (_name, form) => {
    const { platform } = await imported({ dmar: DMAR, pci: listing(form) });
    const seen = platform.devices.nodes.map(
      ({ name, vendorId, deviceId, classCode, capabilities, upstream }) =>
        [name, vendorId, deviceId, classCode, capabilities.pcie, upstream && upstream.name] as const,
    );
    expect(seen).toEqual([
      [WHOLE[0], 0x8086, 0x9d10, 0x060400, true, null],
      [WHOLE[1], 0x8086, 0x1521, 0x020000, true, WHOLE[0]],
      [WHOLE[2], 0x8086, 0x1521, 0x020000, true, WHOLE[0]],
    ]);
    // No ACS anywhere: the port cannot keep its card apart. Linux: pci_device_group().
    expect(platform.groups.nodes.map(({ members }) => members.map(({ name }) => name).sort())).toEqual([
      WHOLE,
    ]);
    expect(platform.groups.nodes[0].because).toContainEqual({
      kind: 'PATH_WITHOUT_ACS',
      device: { name: WHOLE[1] },
      via: { name: WHOLE[0] },
      missingAcs: ['SrcValid', 'ReqRedir', 'CmpltRedir', 'UpstreamFwd'],
    });
  });

  it('-nn alone gives functions and ids, and says what it cannot give', async () => {
    const { platform, warnings } = await imported({ dmar: DMAR, pci: listing({ numbers: true }) });
    expect(platform.devices.nodes.map(({ name, deviceId }) => [name, deviceId])).toEqual([
      [WHOLE[0], 0x9d10],
      [WHOLE[1], 0x1521],
      [WHOLE[2], 0x1521],
    ]);
    expect(
      warnings.some(({ message }) => message.startsWith('3 of 3 functions: listed without registers')),
    ).toBe(true);
  });

  it('-P alone says that it cannot tell what is behind the bridge', async () => {
    const { platform, warnings } = await imported({ dmar: DMAR, pci: listing({ numbers: true, at: PATHS }) });
    expect(platform.devices.nodes.map(({ name }) => name)).toEqual([WHOLE[0]]);
    expect(warnings.some(({ message }) => message.includes('do not show their bus'))).toBe(true);
  });

  it.each<[string, readonly string[]]>([
    ['addresses', VMD],
    ['paths', ['10000:e0:06.0', '10000:e0:06.0/00.0', '10000:e0:06.0/00.1']],
    ['paths with buses', ['10000:e0:06.0', '10000:e0:06.0/02:00.0', '10000:e0:06.0/02:00.1']],
  ])('with %s in the five-digit domain of a volume management device', async (_name, at) => {
    const pci = listing({ hex: 4096, at });
    const { platform } = await imported({ dmar: DMAR, pci });
    expect(platform.devices.nodes.map(({ name }) => name).sort()).toEqual([...VMD].sort());
  });
});

const rows = Array.from({ length: Math.ceil(TABLE.length / 16) }, (_, row) =>
  TABLE.subarray(row * 16, row * 16 + 16),
);
const hexRows = (mark: string) =>
  rows
    .map((row, index) => {
      const bytes = [...row].map((byte) => two(byte).toUpperCase()).join(' ');
      return `    ${(index * 16).toString(16).padStart(4, '0')}: ${bytes.padEnd(48)} ${mark}${'.'.repeat(row.length)}`;
    })
    .join('\n');

it.each([
  ['raw bytes in base64', DMAR],
  ['raw bytes in hexadecimal', Buffer.from(TABLE).toString('hex')],
  ['acpidump text', `DMAR @ 0x000000007B7E7000\n${hexRows('')}\n\n`],
  [
    'a disassembly of iasl with raw data',
    `/*\n * Disassembly of dmar.dat\n */\n[000h 0000   4]                    Signature : "DMAR"    [DMA Remapping table]\n\nRaw Table Data: Length ${TABLE.length} (0x${TABLE.length.toString(16)})\n\n${hexRows('// ')}\n`,
  ],
])('the unit of a DMAR table comes from %s', async (_name, dmar) => {
  const { platform } = await imported({ dmar, pci: listing({ hex: 4096 }) });
  expect(platform.iommuUnits).toEqual([{ name: 'dmar0', registerBase: '0xfed91000' }]);
});

const members = WHOLE.map((name) => `/sys/kernel/iommu_groups/7/devices/${name}`);
const LINE = (name: string) => `pci ${name}: Adding to iommu group 7`;
const OLD = (name: string) => `iommu: Adding device ${name} to group 7`;

describe('groups a kernel reported are read from', () => {
  it.each([
    ['find -type l', 'iommuGroups', members.join('\n')],
    ['ls -R', 'iommuGroups', `/sys/kernel/iommu_groups/7/devices:\n${WHOLE.join('\n')}\n`],
    [
      'the shell loop with a line each',
      'iommuGroups',
      WHOLE.map((name) => `IOMMU Group 7: ${name.slice(5)} X`).join('\n'),
    ],
    [
      'headings with ids below',
      'iommuGroups',
      `Group 7:\n${WHOLE.map((name) => `\t[8086:1521] ${name.slice(5)} X`).join('\n')}`,
    ],
    ['kernel lines in place of a listing', 'iommuGroups', WHOLE.map(LINE).join('\n')],
    ['dmesg with time stamps', 'kernelLog', WHOLE.map((name) => `[    0.551234] ${LINE(name)}`).join('\n')],
    ['dmesg without any', 'kernelLog', WHOLE.map(LINE).join('\n')],
    ['dmesg of kernel 4.x', 'kernelLog', WHOLE.map((name) => `[    0.551234] ${OLD(name)}`).join('\n')],
    ['dmesg -T', 'kernelLog', WHOLE.map((name) => `[Mon Jan  1 10:00:00 2024] ${LINE(name)}`).join('\n')],
    [
      'dmesg with callers',
      'kernelLog',
      WHOLE.map((name) => `[    0.551234][    T1] ${LINE(name)}`).join('\n'),
    ],
    ['journalctl', 'kernelLog', WHOLE.map((name) => `Jan 01 10:00:00 box kernel: ${LINE(name)}`).join('\n')],
    [
      'journalctl -o short-iso',
      'kernelLog',
      WHOLE.map((name) => `2024-01-01T10:00:00+0100 box kernel: ${LINE(name)}`).join('\n'),
    ],
    [
      'syslog of kernel 4.x',
      'kernelLog',
      WHOLE.map((name) => `Jan  1 10:00:00 box kernel: [    0.551234] ${OLD(name)}`).join('\n'),
    ],
  ])('%s', async (_name, part, text) => {
    const { platform, warnings } = await imported({ dmar: DMAR, pci: listing({ hex: 4096 }), [part]: text });
    expect(
      platform.reportedGroups.map(({ device, reportedNumber }) => [device.name, reportedNumber]),
    ).toEqual(WHOLE.map((name) => [name, 7]));
    expect(
      warnings.filter(({ source, message }) => source === part && message.startsWith('not understood')),
    ).toEqual([]);
  });
});
