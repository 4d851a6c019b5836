import { type U64, u64FromNumber } from '../../../src/bits/u64.js';
import { openMemoryLog } from '../../../src/log/memory-log.js';
import type { Command, DmaCommand } from '../../../src/platform/command.js';
import { createFromTemplate } from '../../../src/platform/create.js';
import type { StampedEvent } from '../../../src/platform/event-journal.js';
import { type Explanation, explainFault } from '../../../src/platform/explain/index.js';
import { PlatformHost } from '../../../src/platform/host.js';
import type { KernelChoice } from '../../../src/platform/kernel-choice.js';
import type { Platform } from '../../../src/platform/platform.js';
import type { FaultOccurred } from '../../../src/hardware/events.js';

/** One platform of a host of its own, to make faults on and ask why. */
export class FaultBench {
  private constructor(
    readonly host: PlatformHost,
    readonly platform: Platform,
  ) {}

  static async open(template: string, kernel: KernelChoice = {}): Promise<FaultBench> {
    const host = await PlatformHost.open(await openMemoryLog(), () => 1_600_000_000_000);
    return new FaultBench(host, await createFromTemplate(host, 'bench', template, kernel));
  }

  /** Performs a command that must succeed. */
  async do<T extends Command['type']>(command: Extract<Command, { type: T }>) {
    const { result } = await this.host.perform<T>('bench', command);
    if (!result.ok) throw result.error;
    return result.value;
  }

  /** Performs a command that must be refused. */
  async refused(command: Command): Promise<void> {
    const { result } = await this.host.perform('bench', command);
    if (result.ok) throw new Error(`${command.type} was not refused`);
  }

  /** Number of the domain that translates a device's untagged requests. */
  domainOf(device: string): number {
    return this.platform.kernel.devices.get(device)!.primaryDomain!.number;
  }

  map(
    domain: number,
    iova: number,
    physical: number,
    pages: number,
    access: 'READ' | 'WRITE' | 'BOTH' = 'BOTH',
  ) {
    return this.do({
      type: 'map',
      domain,
      iova: u64FromNumber(iova),
      physical: u64FromNumber(physical),
      size: u64FromNumber(pages * 4096),
      read: access !== 'WRITE',
      write: access !== 'READ',
    });
  }

  unmap(domain: number, iova: number, pages: number) {
    return this.do({ type: 'unmap', domain, iova: u64FromNumber(iova), size: u64FromNumber(pages * 4096) });
  }

  /** Lets a device put a request on the bus and gives the fault it meets; an error when it meets none. */
  async fault(
    device: string,
    at: number | U64,
    access: DmaCommand['access'],
    more: Partial<DmaCommand> = {},
  ) {
    const before = this.platform.events.last;
    await this.do({
      type: 'dma',
      endpoint: { kind: 'Device', name: device },
      pasid: 'OWN',
      address: typeof at === 'number' ? u64FromNumber(at) : at,
      size: 8,
      access,
      data: null,
      translation: 'UNTRANSLATED',
      ...more,
    });
    return this.faultSince(before);
  }

  /** The first fault after an event. */
  faultSince(sequence: number): StampedEvent<FaultOccurred> {
    for (let at = sequence + 1; at <= this.platform.events.last; at++) {
      const stamped = this.platform.events.at(at)!;
      if (stamped.event.type === 'FAULT') return stamped as StampedEvent<FaultOccurred>;
    }
    throw new Error('the request did not fault');
  }

  async explain(fault: StampedEvent<FaultOccurred>): Promise<Explanation> {
    return (await explainFault(this.host, this.platform, fault))!;
  }

  close(): Promise<void> {
    return this.host.close();
  }
}
