import { type U64, parseHex, toHex, u64ToNumber } from '../../src/bits/u64.js';
import { KernelError } from '../../src/kernel/errno.js';
import type { PciFunction } from '../../src/hardware/pci/function.js';
import { vfioConfigSize, vfioIrq } from '../../src/kernel/vfio/device-info.js';
import type { IommuGroup } from '../../src/kernel/iommu/iommu-group.js';
import type { KernelDevice } from '../../src/kernel/device/kernel-device.js';
import type { VfioContainer } from '../../src/kernel/vfio/objects.js';
import type { Command, UserMemoryRange } from '../../src/platform/command.js';
import type { Platform } from '../../src/platform/platform.js';
import { groupBlockers } from '../../src/kernel/vfio/viability.js';

/** A line of a recording: a call made on a real kernel with its answer, or the beginning of a section. */
export interface Recorded {
  readonly n?: number;
  readonly section?: string;
  readonly setup?: string;
  readonly op?: string;
  readonly args?: Readonly<Record<string, string | number | null>>;
  readonly ret?: number;
  readonly err?: string;
  readonly out?: {
    readonly size?: string;
    readonly flags?: number;
    readonly count?: number;
    readonly iova_pgsizes?: string;
    readonly caps?: readonly {
      readonly id: number;
      readonly avail?: number;
      readonly iova_ranges?: readonly (readonly [string, string])[];
    }[];
  };
  readonly dma_avail?: number;
  readonly desc?: string;
}

/** What became of a recorded call here. */
export interface Verdict {
  readonly recorded: Recorded;
  readonly kind: 'agreed' | 'not expressible' | 'differing';
  /** The kernel here knows the call, the API's types do not have it. */
  readonly belowApi: boolean;
  /** Why it cannot be said, or what was answered instead. */
  readonly detail: string;
}

/** An answer in the words of the recording. */
type Answer = Readonly<Record<string, unknown>>;

class NotExpressible extends Error {}

/** Where the recorded process had its buffers; the recording names them only. */
const BUFFERS: Readonly<Record<string, { start: string; size: string; pageSize: number; write: boolean }>> = {
  buf: { start: '7f0000000000', size: '2000000', pageSize: 4096, write: true },
  ro: { start: '7f1000000000', size: '100000', pageSize: 4096, write: false },
  huge2m: { start: '7f3000000000', size: '1000000', pageSize: 2 ** 21, write: true },
  huge1g: { start: '7f4000000000', size: '40000000', pageSize: 2 ** 30, write: true },
};
const HOLE = '7f2000000000';
/** The page the second part of the section "close" takes all rights from, before anything reaches it. */
const FORBIDDEN_PAGE = 0x10000;

/** Repeats a recording on a platform, call by call. */
export class VfioReplay {
  private container: VfioContainer | null = null;
  /** Device whose group was opened last and not put into a container yet. */
  private opened: string | null = null;
  private current: string | null = null;
  private closeParts = 0;

  constructor(
    private readonly platform: Platform,
    /** Names in the recording, and the devices that stand for them here. */
    private readonly standIns: Readonly<Record<string, string>>,
    private readonly deviceA: string,
  ) {}

  run(lines: readonly Recorded[]): Verdict[] {
    return lines.flatMap((line) => {
      if (line.setup !== undefined) this.setUp(line);
      return line.op === undefined ? [] : this.verdict(line);
    });
  }

  private verdict(recorded: Recorded): Verdict {
    try {
      const answer = this.answer(recorded);
      const expected = pick(expectedOf(recorded), Object.keys(answer));
      const same = JSON.stringify(answer) === JSON.stringify(expected);
      const belowApi = isBelowApi(recorded);
      const detail = same ? '' : `${JSON.stringify(answer)} instead of ${JSON.stringify(expected)}`;
      return { recorded, kind: same ? 'agreed' : 'differing', belowApi, detail };
    } catch (error) {
      if (error instanceof NotExpressible)
        return { recorded, kind: 'not expressible', belowApi: false, detail: error.message };
      throw error;
    }
  }

  /** A new container of type1v2 with the group of device A. */
  private setUp({ section }: Recorded): void {
    if (section === 'close') this.closeParts++;
    this.openContainer();
    this.opened = this.deviceA;
    this.require(this.addGroup());
    this.require(this.perform({ type: 'setContainerIommu', container: this.number, iommuType: 3 }));
  }

  private answer(recorded: Recorded): Answer {
    const { op, args = {}, desc = '' } = recorded;
    this.unrecordedCloses(desc);
    switch (op) {
      case 'open_container':
        this.openContainer();
        return { err: 'OK' };
      case 'open_group':
        return this.openGroup(recorded);
      case 'GROUP_SET_CONTAINER':
        if (/container fd|group fd given/.test(desc))
          throw new NotExpressible('a container is named by its id, not by a file');
        return this.withEntries(recorded, { err: this.addGroup() });
      case 'GROUP_UNSET_CONTAINER': {
        const group = this.group(this.current ?? this.opened).number;
        return { err: this.perform({ type: 'removeGroupFromContainer', container: this.number, group }) };
      }
      case 'SET_IOMMU': {
        const command = {
          type: 'setContainerIommu',
          container: this.number,
          iommuType: Number(args.type),
        } as const;
        return this.withEntries(recorded, { err: this.perform(command) });
      }
      case 'GROUP_GET_STATUS':
        return this.status(recorded);
      case 'GROUP_GET_DEVICE_FD':
        return this.withEntries(recorded, { err: this.openDevice(String(args.device)) });
      case 'IOMMU_GET_INFO':
        return this.info(recorded);
      case 'MAP_DMA':
        return this.map(recorded);
      case 'UNMAP_DMA':
        return this.unmap(recorded);
      case 'CHECK_EXTENSION':
        return {
          err: 'OK',
          ret: this.platform.kernel.vfio.supports(this.container!, Number(args.extension)) ? 1 : 0,
        };
      case 'GET_API_VERSION':
        throw new NotExpressible('calls have no version');
      case 'ioctl':
        throw new NotExpressible('there are no calls without a name');
      case 'DEVICE_GET_IRQ_INFO':
        return this.interrupts(Number(args.index));
      case 'DEVICE_GET_REGION_INFO':
        return this.region(Number(args.index));
      case 'DEVICE_GET_INFO':
        throw new NotExpressible('whether a device can be reset is not simulated');
      default:
        throw new Error(`not a call that is known: ${op}`);
    }
  }

  /** The recording closes files between its lines and says so in the next one's description. */
  private unrecordedCloses(desc: string): void {
    const devices = [...(this.container?.openDevices.keys() ?? [])];
    const close = () =>
      devices.forEach(({ group, name }) =>
        this.perform({ type: 'closeVfioDevice', group: group!.number, name }),
      );
    if (/still one device fd open|no device fd open/.test(desc)) close();
    if (/group fd closed/.test(desc)) {
      const group = this.group(this.current).number;
      this.require(this.perform({ type: 'removeGroupFromContainer', container: this.number, group }));
    }
  }

  private openContainer(): void {
    if (this.container !== null)
      this.require(this.perform({ type: 'closeContainer', container: this.number }));
    const result = this.platform.apply({
      command: { type: 'openContainer', userMemory: this.userMemory() },
      time: 0,
    }).result;
    if (!result.ok) throw result.error;
    this.container = result.value as VfioContainer;
    this.current = this.opened = null;
  }

  /** Opening a group's file is a part of putting it into a container here. */
  private openGroup({ args = {}, err }: Recorded): Answer {
    const name = this.name(String(args.device));
    if (err === 'OK') {
      this.opened = name;
      throw new NotExpressible('opening a group is part of putting it into a container');
    }
    if (this.platform.kernel.vfio.containerOf(this.group(name)) === null) {
      throw new NotExpressible('opening a group is part of putting it into a container');
    }
    const other = this.platform.kernel.vfio.openContainer([]);
    const added = this.perform({
      type: 'addGroupToContainer',
      container: other.number,
      group: this.group(name).number,
    });
    this.platform.kernel.vfio.closeContainer(other);
    return { err: added };
  }

  private addGroup(): string {
    const name = this.opened ?? this.current;
    const group = this.group(name).number;
    const err = this.perform({ type: 'addGroupToContainer', container: this.number, group });
    if (err === 'OK') this.current = name;
    return err;
  }

  private openDevice(name: string): string {
    const group = this.group(this.current ?? this.opened).number;
    return this.perform({ type: 'openVfioDevice', group, name: this.name(name) });
  }

  private status({ args = {}, desc = '' }: Recorded): Answer {
    if ('argsz' in args) throw new NotExpressible('structures have no size');
    if (/container fd closed/.test(desc)) {
      throw new NotExpressible('closing a container closes its groups too');
    }
    const group = this.group(this.opened ?? this.current);
    const inContainer = this.platform.kernel.vfio.containerOf(group) !== null;
    const flags = (groupBlockers(group).length === 0 ? 1 : 0) | (inContainer ? 2 : 0);
    return { err: 'OK', flags };
  }

  private info({ args = {}, out }: Recorded): Answer {
    const container = this.container!;
    if (container.iommu === null) return { err: 'EINVAL' };
    if (Number(args.argsz) < 16) throw new NotExpressible('structures have no size');
    const { kernel } = this.platform;
    const answer = { err: 'OK', iova_pgsizes: toHex(kernel.vfio.pageSizesOf(container)) };
    if ((out?.caps ?? []).length === 0) return answer;
    return {
      ...answer,
      avail: kernel.vfio.entriesAvailable(container),
      iova_ranges: container.iommu.iovaRanges.map(({ start, last }) => [toHex(start), toHex(last)]),
    };
  }

  /** The function the recorded process has open. */
  private openFunction(): PciFunction {
    const [device] = [...this.container!.openDevices.keys()].slice(-1);
    if (device?.kind !== 'Device') throw new Error('no device is open');
    if (Object.values(this.standIns).includes(device.name))
      throw new NotExpressible(
        'another device stands for the recorded one, with registers and interrupts of its own',
      );
    return device.fn;
  }

  private interrupts(index: number): Answer {
    const irq = vfioIrq(this.openFunction(), index);
    if (irq === null) return { err: 'EINVAL' };
    // Linux: VFIO_IRQ_INFO_EVENTFD, _MASKABLE, _AUTOMASKED, _NORESIZE.
    const flags = 1 | (irq.maskable ? 6 : 0) | (irq.fixedSize ? 8 : 0);
    return { err: 'OK', flags, count: irq.count };
  }

  private region(index: number): Answer {
    const fn = this.openFunction();
    if (index < 7) throw new NotExpressible('what is behind base addresses is not part of a machine');
    // Linux: VFIO_PCI_VGA_REGION_INDEX, of a function that decodes the addresses of VGA only.
    if (index > 7) return { err: 'EINVAL' };
    return { err: 'OK', flags: 3, size: `0x${vfioConfigSize(fn).toString(16)}` };
  }

  private map(recorded: Recorded): Answer {
    const { args = {}, desc = '' } = recorded;
    if (args.argp === null) throw new NotExpressible('a command always has its arguments');
    if (Number(args.argsz ?? 32) < 32) throw new NotExpressible('structures have no size');
    const flags = Number(args.flags ?? 3);
    if (flags > 7) throw new NotExpressible('there are no flags but READ, WRITE and VADDR');
    if (recorded.section === 'mmio')
      throw new NotExpressible('user memory is memory, not registers of a device');
    if (/was unmapped meanwhile/.test(desc)) {
      throw new NotExpressible('the memory of a process is given once, when it opens the container');
    }
    const err = this.perform({
      type: 'vfioMapDma',
      container: this.number,
      iova: hex(args.iova),
      vaddr: vaddrOf(String(args.vaddr ?? 'buf+0x0')),
      size: hex(args.size),
      read: (flags & 1) !== 0,
      write: (flags & 2) !== 0,
      ...((flags & 4) !== 0 && { updateVaddr: true }),
    });
    return this.withEntries(recorded, { err });
  }

  private unmap(recorded: Recorded): Answer {
    const { args = {} } = recorded;
    if (Number(args.argsz ?? 24) < 24) throw new NotExpressible('structures have no size');
    const flags = Number(args.flags ?? 0);
    if ((flags & ~6) !== 0) throw new NotExpressible('there are no flags but ALL and VADDR');
    if (recorded.section === 'mmio')
      throw new NotExpressible('user memory is memory, not registers of a device');
    const command = {
      type: 'vfioUnmapDma',
      container: this.number,
      iova: hex(args.iova),
      size: hex(args.size),
      all: flags === 2,
    } as const;
    const { result } = this.platform.apply({ command, time: 0 });
    if (!result.ok) return this.withEntries(recorded, { err: errnoName(result.error) });
    const { unmapped } = result.value as { readonly unmapped: U64 };
    return this.withEntries(recorded, { err: 'OK', size: toHex(unmapped) });
  }

  /** Adds the entries left, where the recording has them. */
  private withEntries({ dma_avail }: Recorded, answer: Answer): Answer {
    const container = this.container;
    if (dma_avail === undefined || container === null) return answer;
    return { ...answer, dma_avail: container.iommu === null ? null : container.iommu.available };
  }

  private perform(command: Command): string {
    const { result } = this.platform.apply({ command, time: 0 });
    return result.ok ? 'OK' : errnoName(result.error);
  }

  private require(err: string): void {
    if (err !== 'OK') throw new Error(`a step between recorded calls failed with ${err}`);
  }

  private get number(): number {
    return this.container!.number;
  }

  private group(device: string | null): IommuGroup {
    return this.device(device ?? this.deviceA).group!;
  }

  private device(name: string): KernelDevice {
    const device = this.platform.kernel.devices.get(name);
    if (device === undefined) throw new Error(`${name} is not on the platform`);
    return device;
  }

  private name(recorded: string): string {
    return this.standIns[recorded] ?? recorded;
  }

  private userMemory(): UserMemoryRange[] {
    const ranges = Object.values(BUFFERS).map(({ start, size, pageSize, write }) => ({
      start: hex(start),
      size: hex(size),
      read: true,
      write,
      pageSize,
    }));
    if (this.closeParts < 2) return ranges;
    const [buf, ...others] = ranges;
    const from = u64ToNumber(buf.start);
    const after = FORBIDDEN_PAGE + 4096;
    return [
      { ...buf, size: hex(FORBIDDEN_PAGE.toString(16)) },
      {
        ...buf,
        start: hex((from + after).toString(16)),
        size: hex((u64ToNumber(buf.size) - after).toString(16)),
      },
      ...others,
    ];
  }
}

/** Numbers of backends that are none. */
function isBelowApi({ op, args = {} }: Recorded): boolean {
  return op === 'SET_IOMMU' && ![1, 3, 6].includes(Number(args.type));
}

/** What the recording says, in the form answers have. */
function expectedOf({ err, ret, out, dma_avail }: Recorded): Answer {
  const caps = out?.caps ?? [];
  return {
    err,
    ret,
    size: out?.size,
    flags: out?.flags,
    count: out?.count,
    iova_pgsizes: out?.iova_pgsizes,
    avail: caps.find(({ id }) => id === 3)?.avail,
    iova_ranges: caps.find(({ id }) => id === 1)?.iova_ranges,
    dma_avail,
  };
}

function pick(from: Answer, keys: readonly string[]): Answer {
  return Object.fromEntries(keys.map((key) => [key, from[key]]));
}

function vaddrOf(text: string): U64 {
  const match = /^(\w+)\+0x([0-9a-f]+)$/.exec(text);
  if (match === null) return hex(text);
  const [, name = '', offset = '0'] = match;
  const start = parseInt(BUFFERS[name]?.start ?? HOLE, 16);
  return hex((start + parseInt(offset, 16)).toString(16));
}

function hex(text: string | number | null | undefined): U64 {
  const value = parseHex(String(text));
  if (value === null) throw new Error(`not hexadecimal: ${String(text)}`);
  return value;
}

function errnoName(error: unknown): string {
  if (error instanceof KernelError) return error.errno;
  throw error;
}
