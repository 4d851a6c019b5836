import { parsePciAddress } from '../../src/bits/pci-address.js';
import { type U64, parseHex, toHex, u64, u64FromNumber } from '../../src/bits/u64.js';
import { ConfigSpaceBuilder } from '../../src/firmware/pci-config/builder.js';
import type { HardwareEvent } from '../../src/hardware/events.js';
import { Machine } from '../../src/hardware/machine.js';
import type { PciFunctionSource } from '../../src/hardware/pci/function.js';
import { Kernel } from '../../src/kernel/kernel.js';
import type { Domain } from '../../src/kernel/iommu/domain.js';
import type { VfioContainer } from '../../src/kernel/vfio/objects.js';
import { FULL_ACS } from './pci-machine.js';
import type { DmarTable } from '../../src/layout/dmar/table.js';

/** One step of a recording. */
export interface RecordedStep {
  readonly step: number;
  readonly desc: string;
  readonly guest?: readonly { readonly cmd: string; readonly reply: readonly string[] }[];
  readonly trace?: readonly string[];
}

/** What became of a step here. */
export interface StepVerdict {
  readonly step: number;
  readonly desc: string;
  readonly kind: 'agreed' | 'not expressible' | 'differing';
  /** Descriptors compared, waits left out. */
  readonly descriptors: number;
  readonly detail: string;
}

/** Thrown by a step that cannot be said here. */
class NotExpressible extends Error {}

/** Descriptors of a step as `high:low`, waits left out: they only tell that the others are done. */
export function recordedDescriptors(step: RecordedStep): string[] {
  return (step.trace ?? []).flatMap((line) => {
    const found = /^vtd_inv_desc invalidate desc type (\S+) high (\S+) low (\S+)/.exec(line);
    return found === null || found[1] === 'wait' ? [] : [`${found[2]}:${found[3]}`];
  });
}

const USER_DEVICES = ['0000:00:05.0', '0000:00:06.0', '0000:01:00.0', '0000:04:01.0', '0000:04:02.0'];

/**
 * The machine of a recording, from what its kernel said while booting, and the steps done again on it. The
 * recordings have no listing of configuration spaces: port types are those the emulator gives its devices.
 */
export class InvalidationReplay {
  readonly kernel: Kernel;
  private readonly hardware: HardwareEvent[] = [];
  private container: VfioContainer | null = null;

  constructor(bootLog: string, ats: boolean) {
    const dmar = tableOf(ats);
    const functions = functionsOf(bootLog, ats);
    const [, cap, ecap] = /dmar0: reg_base_addr fed90000 ver 1:0 cap (\S+) ecap (\S+)/.exec(bootLog)!;
    const machine = new Machine({
      dmar,
      functions,
      units: [
        {
          registerBase: u64(0, 0xfed90000),
          version: 0x10,
          capability: parseHex(cap)!,
          extendedCapability: parseHex(ecap)!,
        },
      ],
      events: this.hardware,
    });
    this.kernel = new Kernel({
      config: {
        profile: 'V6_1',
        commandLine: /Command line: (.*)$/m.exec(bootLog)![1],
        options: { CONFIG_INTEL_IOMMU_SCALABLE_IOV: 'n' },
        subdeviceModel: 'MDEV_BUS_OPS',
        parentLookup: 'MDEV_BUS_ONLY',
        auxRequirement: 'FALL_BACK_TO_PRIMARY',
        busOrganisation: 'ONE_OPS_PER_BUS',
        dmaEntryLimit: 65535,
      },
      machine,
      dmar,
      x2apic: false,
      events: [],
      devices: [...machine.topology.functions.values()].map((fn) => ({
        fn,
        driver: USER_DEVICES.includes(fn.name) ? 'vfio-pci' : null,
        mdevTypes: [],
      })),
    });
    this.kernel.boot();
  }

  /** Members by group number, as the recording's first step prints them. */
  groups(): string[] {
    return [...this.kernel.groups.values()].map(
      ({ number, members }) =>
        `group ${number} devices: ${members
          .map(({ name }) => name)
          .sort()
          .join(' ')}`,
    );
  }

  run(step: RecordedStep): StepVerdict {
    const { step: number, desc } = step;
    const recorded = recordedDescriptors(step);
    const before = this.hardware.length;
    try {
      const expected = this.perform(step, recorded);
      const ours = this.hardware
        .slice(before)
        .flatMap((event) =>
          event.type === 'INVALIDATION' && event.descriptor !== 'WAIT'
            ? [`${toHex(event.words[1])}:${toHex(event.words[0])}`]
            : [],
        );
      const same = JSON.stringify(ours) === JSON.stringify(expected);
      const detail = same ? '' : `${ours.join(' ')} instead of ${expected.join(' ')}`;
      return {
        step: number,
        desc,
        kind: same ? 'agreed' : 'differing',
        descriptors: expected.length,
        detail,
      };
    } catch (error) {
      if (!(error instanceof NotExpressible)) throw error;
      return {
        step: number,
        desc,
        kind: 'not expressible',
        descriptors: recorded.length,
        detail: error.message,
      };
    }
  }

  /** Does a step, and gives the recorded descriptors it stands for. */
  private perform({ step, guest = [] }: RecordedStep, recorded: readonly string[]): readonly string[] {
    const shell = guest.find(({ cmd }) => cmd.startsWith('sh '));
    if (shell !== undefined) return this.driverWork(step, shell.cmd, recorded);
    for (const { cmd } of guest) this.call(cmd, recorded);
    // Interrupts are given up with a device file; entries of the table are not written here.
    return recorded.filter((each) => !isInterruptEntry(each));
  }

  /**
   * What a host driver did: each page-selective flush is an unmap of its own mapping, done again through the
   * domain of the group whose id the descriptor carries.
   */
  private driverWork(step: number, cmd: string, recorded: readonly string[]): readonly string[] {
    if (step === 1) return [];
    if (this.sysfsWrite(cmd)) return recorded;
    const own = recorded.filter((each) => !isInterruptEntry(each));
    if (own.length === 0) throw new NotExpressible('only entries of the interrupt table change');
    for (const each of own) {
      const { address, order, did, granularity } = iotlbOf(each);
      const domain = [...this.kernel.domains.values()].find((one) =>
        [...one.domainIds.values()].some((taken) => taken.did === did),
      );
      if (domain === undefined) throw new NotExpressible(`no group has the domain id ${did}`);
      if (granularity === 2) {
        this.lazyWork(domain);
        continue;
      }
      const size = u64FromNumber(4096 * 2 ** order);
      const iova = u64FromNumber(address);
      this.kernel.map(domain, { iova, physical: u64FromNumber(0x40000000), size, read: true, write: true });
      this.kernel.unmap(domain, { iova, size });
    }
    return own;
  }

  /** A driver maps and unmaps, and the timer of the queue fires. How much was in the queue is not recorded. */
  private lazyWork(domain: Domain): void {
    const device = domain.attachments[0].device;
    this.kernel.bindDriver(device, 'host-driver');
    const request = { physical: u64FromNumber(0x40000000), size: 4096, direction: 'FROM_DEVICE' } as const;
    this.kernel.dmaUnmap(device, this.kernel.dmaMap(device, request));
    this.kernel.now += 10;
    this.kernel.unbindDriver(device);
  }

  /** What the core does without a driver: types of groups, functions that go and come back. */
  private sysfsWrite(cmd: string): boolean {
    const { kernel } = this;
    const [, word, typed] = /echo (\S+) > .*devices\/(\S+)\/iommu_group\)\/type/.exec(cmd) ?? [];
    const [, removed] = /echo 1 > .*devices\/(\S+)\/remove/.exec(cmd) ?? [];
    if (typed !== undefined) kernel.setGroupType(kernel.devices.get(typed)!.group!, word);
    else if (removed !== undefined) kernel.removeDevice(kernel.devices.get(removed)!);
    else if (/\/rescan/.test(cmd)) kernel.rescan(null);
    else return false;
    return true;
  }

  private call(cmd: string, recorded: readonly string[]): void {
    const { kernel } = this;
    const [verb, ...words] = cmd.split(' ');
    const numbers = words.map(Number);
    switch (verb) {
      case 'container':
        this.container = kernel.vfio.openContainer([
          range(0x10000000, 0x400000, 4096),
          range(0x40000000, 0x800000, 2 ** 21),
        ]);
        break;
      case 'group':
        kernel.vfio.addGroup(this.container!, kernel.devices.get(words[0])!.group!);
        break;
      case 'iommu':
        kernel.vfio.setIommu(this.container!, numbers[0]);
        break;
      case 'dev':
        kernel.vfio.openDevice(kernel.devices.get(words[0])!.group!, words[0]);
        break;
      case 'alloc':
        break;
      case 'map': {
        const [iova, size, flags, vaddr] = numbers;
        kernel.vfio.mapDma(this.container!, {
          iova: u64FromNumber(iova),
          size: u64FromNumber(size),
          vaddr: u64FromNumber(vaddr),
          read: (flags & 1) !== 0,
          write: (flags & 2) !== 0,
        });
        break;
      }
      case 'unmap':
        this.unmap(numbers[0], numbers[1], numbers[2] === 2, recorded);
        break;
      case 'close':
        this.closeDevices(words[0]);
        kernel.vfio.removeGroup(this.container!, kernel.devices.get(words[0])!.group!);
        break;
      case 'closec':
        throw new NotExpressible('a container here is closed with its groups, not while they hold it');
      default:
        throw new NotExpressible(`no such call: ${cmd}`);
    }
  }

  private closeDevices(name: string): void {
    const { group } = this.kernel.devices.get(name)!;
    for (let files = this.container!.openDevices.get(this.kernel.devices.get(name)!) ?? 0; files > 0; files--)
      this.kernel.vfio.closeDevice(group!, name);
  }

  /**
   * Where the recorded process's memory was not contiguous, the kernel flushed run by run, and the starts
   * of the runs are in the descriptors. Memory here is contiguous, so such a range is mapped again in the
   * recorded runs and unmapped run by run.
   */
  private unmap(iova: number, size: number, all: boolean, recorded: readonly string[]): void {
    const { kernel } = this;
    const starts = recorded
      .map(iotlbOf)
      .filter(({ granularity }) => granularity === 3)
      .map(({ address }) => address);
    const container = this.container!;
    const domain = container.iommu!.domains[0].domain;
    if (all || starts.length < 2) {
      kernel.vfio.unmapDma(container, { iova: u64FromNumber(iova), size: u64FromNumber(size), all });
      return;
    }
    const before = this.hardware.length;
    kernel.vfio.unmapDma(container, { iova: u64FromNumber(iova), size: u64FromNumber(size), all });
    // That one was of contiguous memory: not what was recorded.
    this.hardware.length = before;
    const ends = [...starts.slice(1), iova + size];
    starts.forEach((start, index) => {
      const run = { iova: u64FromNumber(start), size: u64FromNumber(ends[index] - start) };
      const physical = u64FromNumber(0x50001000 + index * 0x1000000);
      kernel.map(domain, { ...run, physical, read: true, write: true });
    });
    starts.forEach((start, index) =>
      kernel.unmap(domain, { iova: u64FromNumber(start), size: u64FromNumber(ends[index] - start) }),
    );
  }
}

function isInterruptEntry(descriptor: string): boolean {
  return (lowOf(descriptor).lo & 0xf) === 4;
}

function lowOf(descriptor: string): U64 {
  return parseHex(descriptor.split(':')[1])!;
}

/** Spec: VT-d 6.5.2.3 "IOTLB Invalidate Descriptor". */
function iotlbOf(descriptor: string) {
  const high = parseHex(descriptor.split(':')[0])!;
  const { lo } = lowOf(descriptor);
  const isIotlb = (lo & 0xf) === 2;
  return {
    granularity: isIotlb ? (lo >>> 4) & 3 : 0,
    did: lo >>> 16,
    order: high.lo & 0x3f,
    address: high.hi * 2 ** 32 + ((high.lo & 0xfffff000) >>> 0),
  };
}

function range(start: number, size: number, pageSize: number) {
  return { start: u64FromNumber(start), size: u64FromNumber(size), read: true, write: true, pageSize };
}

/** One unit that takes everything: the recorded table lists the same functions one by one. */
function tableOf(ats: boolean): DmarTable {
  const at = { offset: 48, length: 16 };
  return {
    hostAddressWidth: 48,
    interruptRemapping: true,
    x2apicOptOut: false,
    dmaControlOptIn: false,
    checksumValid: true,
    oemId: 'BOCHS',
    oemTableId: 'BXPC',
    structures: [
      {
        ...at,
        kind: 'DRHD',
        type: 0,
        includeAll: true,
        segment: 0,
        registerBase: u64(0, 0xfed90000),
        size: 0,
        scopes: [],
      },
      ...(ats ? [{ ...at, kind: 'ATSR' as const, type: 2, allPorts: true, segment: 0, scopes: [] }] : []),
    ],
  };
}

function functionsOf(bootLog: string, ats: boolean): PciFunctionSource[] {
  const lines = /pci (\S+): \[([0-9a-f]{4}):([0-9a-f]{4})\] type 0([01]) class 0x([0-9a-f]{6})/g;
  const found = new Map<string, PciFunctionSource>();
  for (const [, name, vendor, device, type, classCode] of bootLog.matchAll(lines)) {
    const address = parsePciAddress(name)!;
    const behind = new RegExp(`pci ${name}: PCI bridge to \\[bus ([0-9a-f]{2})`).exec(bootLog);
    const secondary = behind === null ? 0 : parseInt(behind[1], 16);
    const builder = new ConfigSpaceBuilder({
      vendorId: parseInt(vendor, 16),
      deviceId: parseInt(device, 16),
      classCode: parseInt(classCode, 16),
      multiFunction: address.device === 0x1f,
      bridge: type === '1' ? { primary: address.bus, secondary, subordinate: secondary } : undefined,
    });
    if (device === '000c') {
      // The emulator's root ports have the services, and the kernel switches them on.
      builder.express({ portType: 'ROOT_PORT' }).acs({ capability: FULL_ACS, control: FULL_ACS });
    } else if (device === '000e') builder.express({ portType: 'PCIE_TO_PCI_BRIDGE' });
    else if (address.bus >= 1 && address.bus <= 3) builder.express({ portType: 'ENDPOINT' });
    if (ats && name === '0000:01:00.0') builder.ats({ queueDepth: 32, pageAlignedRequest: true });
    if (!found.has(name)) found.set(name, { address, config: builder.build(), physicalFunction: null });
  }
  return [...found.values()];
}
