import { describeMachine, type MachineParts } from '../../../src/firmware/import.js';
import { FirmwareInputError } from '../../../src/firmware/input-error.js';
import { parseMdev } from '../../../src/firmware/mdev/parse.js';
import { describeRealData, filesBelow, readText } from '../support/real-data.js';

const PCI = `00:02.0 VGA compatible controller [0300]: Intel Corporation Device [8086:3ea0]
\tKernel driver in use: i915
00:03.0 3D controller [0302]: NVIDIA Corporation Device [10de:13f2]
\tKernel driver in use: vfio-pci
`;

function imported(parts: MachineParts) {
  const { description, warnings } = describeMachine({ pci: PCI, ...parts });
  const said = warnings.filter(({ source }) => source.startsWith('mdev'));
  return { description, said: said.map(({ line, message }) => `${line ?? '-'}: ${message}`) };
}

const SHARE = '-: how types share their parent is not listed: making one leaves the number of the others';
const types = ({ description }: ReturnType<typeof imported>) =>
  description.functions.map(({ driver, mdevTypes }) => [
    driver,
    ...mdevTypes.map(({ group, displayName, capacity }) => `${group} ${displayName ?? '-'} ${capacity}`),
  ]);

describe('types of subdevices', () => {
  const MDEVCTL = `0000:00:02.0
  i915-GVTg_V5_4
    Available instances: 1
    Device API: vfio-pci
    Name: GVTg_V5_4
    Description: low_gm_size: 128MB
0000:00:03.0
  nvidia-36
    Available instances: 16
    Device API: vfio-pci
    Name: GRID M10-0Q
`;
  it('are read from mdevctl, and tell the driver that offers them', () => {
    const result = imported({ mdevTypes: MDEVCTL });
    expect(types(result)).toEqual([
      ['i915', 'GVTg_V5_4 GVTg_V5_4 1'],
      ['nvidia', '36 GRID M10-0Q 16'],
    ]);
    expect(result.said).toEqual([
      '8: 0000:00:03.0 has types of nvidia, so that is its driver, not vfio-pci',
      SHARE,
    ]);
  });

  it('are the same from JSON, from sysfs through grep, and from the capture script', () => {
    const json = JSON.stringify([
      {
        '0000:00:02.0': [
          { 'i915-GVTg_V5_4': { available_instances: 1, device_api: 'vfio-pci', name: 'GVTg_V5_4' } },
        ],
        '0000:00:03.0': [
          { 'nvidia-36': { available_instances: 16, device_api: 'vfio-pci', name: 'GRID M10-0Q' } },
        ],
      },
    ]);
    const grep = ['0000:00:02.0 i915-GVTg_V5_4 1 GVTg_V5_4', '0000:00:03.0 nvidia-36 16 GRID M10-0Q']
      .map((row) => /^(\S+) (\S+) (\d+) (.*)$/.exec(row)!)
      .flatMap(([, at, id, left, name]) => {
        const path = `/sys/class/mdev_bus/${at}/mdev_supported_types/${id}`;
        return [`${path}/available_instances:${left}`, `${path}/name:${name}`, `${path}/device_api:vfio-pci`];
      })
      .join('\n');
    const captured = `parent 0000:00:02.0 type i915-GVTg_V5_4
  name: GVTg_V5_4
  device_api: vfio-pci
  available_instances: 1
parent 0000:00:03.0 type nvidia-36
  name: GRID M10-0Q
  available_instances: 16
`;
    const expected = types(imported({ mdevTypes: MDEVCTL }));
    for (const text of [json, grep, captured]) expect(types(imported({ mdevTypes: text }))).toEqual(expected);
  });

  it('without available instances have those their description allows, and say so', () => {
    const text = 'nvidia-105, 0000:00:03.0, GRID V100-1Q, num_heads=4, max_instance=16\n';
    const result = imported({ mdevTypes: text });
    expect(types(result)[1]).toEqual(['nvidia', '105 GRID V100-1Q 16']);
    expect(result.said).toContain(
      '-: 1 types without available instances: their max_instance, or one, is assumed',
    );
  });

  it('of what is no function, of an absent one, or without a driver in front are said with their line', () => {
    const text = `0.0.26ab\n  vfio_ccw-io\n    Name: x\n0000:07:00.0\n  nvidia-1\n0000:00:03.0\n  plain\n`;
    expect(imported({ mdevTypes: text }).said).toEqual([
      '2: parent 0.0.26ab of vfio_ccw-io is no PCI function; ignored',
      '5: parent 0000:07:00.0 of nvidia-1 is not in the PCI listing; ignored',
      '7: type plain of 0000:00:03.0 has no driver in front; ignored',
    ]);
  });

  it('in broken JSON are refused, and a list of accelerators is told apart', () => {
    expect(() => parseMdev('[{', 'mdevTypes')).toThrow(FirmwareInputError);
    expect(imported({ mdevTypes: '[{"dev":"dsa0","max_work_queues":8}]' }).said).toEqual([
      '-: [0]: an accel-config listing of dsa0 with 8 work queues: it names no PCI function, so it is not used',
    ]);
  });
});

describe('subdevices', () => {
  const U1 = '4a0a190f-dcf3-4def-9342-c48768f0c940';
  const mdevTypes = '0000:00:02.0\n  i915-GVTg_V5_8\n    Available instances: 2\n';
  it('count beside the instances that are left', () => {
    const result = imported({ mdevTypes, mdevDevices: `${U1} 0000:00:02.0 i915-GVTg_V5_8 auto\n` });
    expect(types(result)[0]).toEqual(['i915', 'GVTg_V5_8 - 3']);
    expect(result.description.subdevices).toMatchObject([{ uuid: U1, type: 'i915-GVTg_V5_8' }]);
  });

  it('of an unknown type, of no parent here, or listed twice are said with their line', () => {
    const mdevDevices = `${U1} 0000:00:02.0 i915-GVTg_V5_8 auto
${U1} 0000:00:02.0 i915-GVTg_V5_8 manual
9f579710-6ffc-4201-987a-4ffa0fb1f3a5 0000:00:02.0 vfio_ap-passthrough manual
  Attrs:
    @{0}: {"assign_adapter":"5"}
9f579710-6ffc-4201-987a-4ffa0fb1f3a6 0000:05:00.0 i915-GVTg_V5_8 manual
`;
    expect(imported({ mdevTypes, mdevDevices }).said.filter((message) => message !== SHARE)).toEqual([
      `2: subdevice ${U1} was listed before; ignored`,
      '3: subdevice 9f579710-6ffc-4201-987a-4ffa0fb1f3a5 is of the type vfio_ap-passthrough, which no listing of types has for 0000:00:02.0; ignored',
      '6: subdevice 9f579710-6ffc-4201-987a-4ffa0fb1f3a6 has the parent 0000:05:00.0, which is not in the PCI listing; ignored',
    ]);
  });
});

describeRealData('recorded listings', () => {
  /** Types and subdevices each has, counted by hand or by its manifest; null where it cannot be used. */
  const COUNTS: Readonly<Record<string, readonly [types: number, subdevices: number] | null>> = {
    'nvidia-vf-sysfs-grep.txt': [15, 0],
    'nvidia-vf-types.json': [15, 0],
    'nvidia-l40s-creatable-vgpu-types.txt': null,
    'mdevctl-types-rtx6000.txt': [29, 0],
    'mdevctl-types-p40-part.txt': [6, 0],
    'mdevctl-types-p100-exhausted-part.txt': [5, 0],
    'nvidia-m60-oneline-part.txt': null,
    'openstack-vgpu-types-two-parents.txt': [11, 0],
    'intel-gvtg-sysfs-grep.txt': [2, 0],
    'accel-config-list-emr-dsa0.json': null,
    'accel-config-list-manual-dsa0.txt': null,
    'mdevctl-list-active-verbose.text': [0, 2],
    'mdevctl-list-active-verbose.json': [0, 2],
    'mdevctl-list-defined-verbose.text': [0, 3],
    'mdevctl-list-defined-verbose.json': [0, 3],
    'mdevctl-types-full.text': [6, 0],
    'mdevctl-types-full.json': [6, 0],
  };
  const files = filesBelow('mdev', /\.(?:txt|text|json|conf)$/).map((path) => path.slice('mdev/'.length));

  it('are read as far as their form goes, and what cannot be used says why', () => {
    const report: string[] = [];
    for (const file of files) {
      let outcome: string;
      let counts: readonly [number, number] | null = null;
      try {
        const { types: found, subdevices, warnings } = parseMdev(readText(`mdev/${file}`), 'mdevTypes');
        if (found.size + subdevices.length > 0) counts = [found.size, subdevices.length];
        outcome = `${found.size} types, ${subdevices.length} subdevices, ${warnings.length} warnings`;
        if (counts === null) expect(warnings.length).toBeGreaterThan(0);
        // This one goes on with the status of a service, which is none of it.
        else if (file !== 'mdevctl-types-rtx6000.txt') expect(warnings).toEqual([]);
      } catch (error) {
        if (!(error instanceof FirmwareInputError)) throw error;
        outcome = `refused: ${error.message}`;
      }
      report.push(`${file}: ${outcome}`);
      if (Object.hasOwn(COUNTS, file)) expect([file, counts]).toEqual([file, COUNTS[file]]);
    }
    console.log(report.join('\n'));
  });

  it('in text and JSON of one machine are the same', () => {
    for (const name of [
      'mdevctl-types-full',
      'mdevctl-list-active-verbose',
      'mdevctl-list-defined-verbose',
    ]) {
      const [text, json] = ['text', 'json'].map((form) => {
        const { types: found, subdevices } = parseMdev(readText(`mdev/${name}.${form}`), 'mdevTypes');
        const withoutLines = (each: object) => ({ ...each, line: null });
        return [[...found.values()].map(withoutLines), subdevices.map(withoutLines)];
      });
      expect(text).toEqual(json);
    }
  });
});
