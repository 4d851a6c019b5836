import type { MdevTypeDescription } from '../../src/firmware/description.js';
import { describeMachine } from '../../src/firmware/import.js';
import { KernelError } from '../../src/kernel/errno.js';
import type { Command } from '../../src/platform/command.js';
import { kernelConfig } from '../../src/platform/kernel-choice.js';
import { Platform } from '../../src/platform/platform.js';
import { MTTY_TYPES } from '../../src/platform/subdevice-drivers.js';
import { describeRealData, readBytes, readText } from '../firmware/support/real-data.js';

const CAPTURE = 'qemu-linux/topology/mdev-mtty';

/** What a shell printed, and the errno it stands for. */
const MESSAGES: Readonly<Record<string, string>> = {
  'File exists': 'EEXIST',
  'Invalid argument': 'EINVAL',
  'No space left on device': 'ENOSPC',
};

/** The other sample driver: four displays in all, of three sizes. Linux: samples/vfio-mdev/mdpy.c. */
const MDPY_TYPES: readonly MdevTypeDescription[] = ['hd', 'vga', 'xga'].map((size) => ({
  group: size,
  displayName: `mdpy-${size}`,
  description: null,
  deviceApi: 'vfio-pci',
  cost: 1,
  pool: 'displays',
  capacity: 4,
}));

function bootCaptured(): Platform {
  const { description } = describeMachine({
    dmar: Buffer.from(readBytes(`${CAPTURE}/before/DMAR.bin`)).toString('base64'),
    pci: readText(`${CAPTURE}/before/lspci-xxxx.txt`),
    kernelLog: readText(`${CAPTURE}/before/dmesg.txt`),
  });
  return new Platform({
    name: 'evidence',
    origin: 'IMPORTED',
    createdAt: 0,
    description: {
      ...description,
      softwareParents: [
        { name: 'mtty', driver: 'mtty', mdevTypes: MTTY_TYPES },
        { name: 'mdpy', driver: 'mdpy', mdevTypes: MDPY_TYPES },
      ],
    },
    kernel: kernelConfig(description.commandLine, { profile: 'V6_1' }),
    warnings: [],
  });
}

/** Repeats the writes of the capture's script, and says of each what it wrote and what came of it. */
class MdevReplay {
  readonly platform = bootCaptured();
  private containers = 0;

  /** The errno of a command, or OK. */
  perform(command: Command): string {
    const { result } = this.platform.apply({ command, time: 0 });
    if (result.ok) return 'OK';
    if (!(result.error instanceof KernelError)) return result.error.name;
    return result.error.errno;
  }

  create(parent: string, mdevType: string, uuid: string): string {
    return this.perform({ type: 'createSoftwareMdev', parent, mdevType, uuid });
  }

  remove(subdevice: string): string {
    return this.perform({ type: 'removeSoftwareMdev', subdevice });
  }

  /** A process opens the group's file: here that is to put the group into a container. */
  hold(subdevice: string): void {
    this.perform({ type: 'openContainer', userMemory: null });
    const command = { type: 'addGroupToContainer', container: ++this.containers } as const;
    if (this.perform({ ...command, group: this.groupOf(subdevice) }) !== 'OK') throw new Error('not held');
  }

  groupOf(subdevice: string): number {
    return this.platform.kernel.softwareSubdevices.get(subdevice)!.group!.number;
  }

  types(): string[] {
    return [...this.platform.kernel.softwareParents.values()].flatMap((parent) =>
      this.platform.kernel
        .mdevTypes(parent)
        .map(({ name, availableInstances }) => `${name} ${availableInstances}`),
    );
  }
}

/** `type mtty-1` and its `available_instances` in the listings of the capture. */
function recordedTypes(file: string): string[] {
  const text = readText(`${CAPTURE}/${file}`);
  return [...text.matchAll(/ type (\S+)\n(?: {2}.*\n)*? {2}available_instances: (\d+)/g)].map(
    ([, name, count]) => `${name} ${count}`,
  );
}

/** Groups of subdevices in a listing of the capture. */
function recordedGroups(file: string): string[] {
  const text = readText(`${CAPTURE}/${file}`);
  return [
    ...text.matchAll(
      /^group (\d+)\n {2}type: (\S+)\n {2}name: (\S+)\n {2}devices: (\S+) \n.*reserved_regions:\n(?! {4})/gm,
    ),
  ].map(([, number, type, name, device]) => [number, type, name, device].join(' '));
}

describeRealData('mediated devices of a real kernel, made again here', () => {
  let replay: MdevReplay;
  let logged: number;
  beforeAll(() => {
    replay = new MdevReplay();
    logged = replay.platform.kernel.log.lines.length;
  });
  const groups = () =>
    [...replay.platform.kernel.groups.values()]
      .filter((group) => group.members[0].kind === 'SoftwareSubdevice')
      .map((group) => {
        expect(replay.platform.kernel.groupReservedRegions(group)).toEqual([]);
        const type = group.defaultDomain === null ? 'unknown' : group.defaultDomain.type;
        const name = replay.platform.kernel.groupName(group);
        return [group.number, type, name, ...group.members.map((member) => member.name)].join(' ');
      });

  it('the types of the sample drivers and what is left of them', () => {
    expect(replay.types().sort()).toEqual(recordedTypes('types-before.txt').sort());
  });

  it('every write of the script has the errno it had, and the groups are those there were', () => {
    const recorded = readText(`${CAPTURE}/ops.txt`).trim().split('\n');
    const notExpressible: string[] = [];
    let agreed = 0;
    for (const line of recorded) {
      const rc = /rc=(\d)/.exec(line)?.[1];
      const message = MESSAGES[/write error: (.*)$/.exec(line)?.[1] ?? ''];
      const expected = rc === '0' ? 'OK' : message;
      const create = /^create parent=(\S+) type=(\S+) uuid=(\S+) /.exec(line);
      const remove = /^remove (\S+) /.exec(line);
      const type = /^write type=(\S+) to mdev group/.exec(line);
      const made = /^new mdev after removals got group (\d+)/.exec(line);
      const held = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1002';
      if (create !== null) {
        const [, parent, mdevType, uuid] = create;
        if (uuid.endsWith('2010')) expect(groups()).toEqual(recordedGroups('created/iommu_groups.txt'));
        const answer = replay.create(parent, mdevType, uuid);
        // The shell could not open the file of a type that is not there, and repeated its last message.
        expect([line, answer]).toEqual([line, mdevType === 'mtty-9' ? 'ENOENT' : expected]);
        if (uuid.endsWith('2045'))
          expect(replay.types().sort()).toEqual(recordedTypes('types-full.txt').sort());
      } else if (remove !== null) {
        const [, uuid] = remove;
        if (uuid === held) replay.hold(uuid);
        // The file to write to went with the device, so the second removal found none.
        expect([line, replay.remove(uuid)]).toEqual([line, rc === '0' ? 'OK' : 'NotFoundError']);
      } else if (type !== null) {
        const command = { type: 'setGroupType', group: replay.groupOf(held), word: type[1] } as const;
        expect([line, replay.perform(command)]).toEqual([line, expected]);
      } else if (made !== null) {
        expect(replay.groupOf('83b8f4f2-509f-382f-3c1e-e6bfe0fa3001')).toBe(Number(made[1]));
      } else if (line.startsWith('group of 1002:')) {
        const [, number, shown, name] = /: (\d+) type=(\S+) name=(\S+) resv= devices=\S+1002$/.exec(line)!;
        expect(groups()).toContain([number, shown, name, held].join(' '));
      } else if (line.includes('still there: 0')) {
        expect(replay.platform.kernel.softwareSubdevices.has(held)).toBe(false);
      } else {
        notExpressible.push(line);
        continue;
      }
      agreed++;
    }
    console.log(
      `${agreed} of ${recorded.length} lines agree; not expressible: a removal that is asked for with a 0, and the end of a driver that has no device:\n${notExpressible.join('\n')}`,
    );
    expect(notExpressible.map((line) => line.split(' ')[0])).toEqual(['remove(0)', 'rmmod']);
  });

  it('the kernel said the same, line by line', () => {
    const log = readText(`${CAPTURE}/dmesg-tail.txt`).replace(/^\[ *\d+\.\d+\] /gm, '');
    const all = log.trim().split('\n');
    const ends = all.indexOf('mtty mtty: MDEV: Unregistering');
    // What the sample drivers say of themselves is not the kernel's.
    const expected = all.slice(0, ends).filter((line) => !/mdpy_\w+|MDEV: Registered/.test(line));
    expect(replay.platform.kernel.log.lines.slice(logged).map(({ text }) => text)).toEqual(expected);
  });
});
