import { pfnOf } from '../../../src/bits/u64.js';
import type { KernelSubject } from '../../../src/kernel/errno.js';
import type { PlatformEvent } from '../../../src/platform/event-journal.js';
import { Runs } from './runs.js';

/** An attachment as its event told it. */
export interface Told {
  readonly domain: number;
  /** Who it was made for: a device or a subdevice. */
  readonly endpoint: string;
  /** The function whose tables carry it. */
  readonly device: string;
  readonly kind: 'PRIMARY' | 'AUX' | 'PASID';
  readonly pasid: number | null;
}

/** A subdevice as the command made it. */
export interface Made {
  readonly parent: string;
  readonly type: string;
  readonly software: boolean;
}

/**
 * The state of a platform as somebody would note it down who sees only the commands, their outcomes and the
 * events. What the kernel's own objects and the tables in memory hold is compared with this.
 */
export class Book {
  readonly groups = new Map<number, Set<string>>();
  readonly groupOf = new Map<string, number>();
  /** Live domains, with what they map. */
  readonly domains = new Map<number, Runs>();
  readonly attachments: Told[] = [];
  readonly subdevices = new Map<string, Made>();
  readonly containers = new Set<number>();
  readonly drivers = new Map<string, boolean>();
  readonly auxEnabled = new Set<string>();
  /** Numbers of domains so far; none may come back. */
  private readonly everDomain = new Set<number>();
  private joining: number | null = null;

  /** @param superpageLevels of a domain, as it was while the command ran */
  apply(event: PlatformEvent, superpageLevels: (domain: number) => number): void {
    switch (event.type) {
      case 'KERNEL_LOG': {
        const joined = /: Adding to iommu group (\d+)$/.exec(event.text);
        if (joined !== null) this.joining = Number(joined[1]);
        return;
      }
      case 'TOPOLOGY':
        this.topology(event.change, event.subject);
        return;
      case 'ATTACHMENT': {
        const told = this.told(event);
        if (event.attached) this.attachments.push(told);
        else this.drop(told);
        return;
      }
      case 'MAPPING': {
        const { domain, iova, size, physical } = event;
        const runs = this.domains.get(domain);
        if (runs === undefined) throw new Error(`a mapping of domain ${domain}, which is not there`);
        if (physical === null) {
          runs.remove(pfnOf(iova), pfnOf(size));
          return;
        }
        const access = `${event.read ? 'r' : ''}${event.write ? 'w' : ''}`;
        const levels = superpageLevels(domain);
        for (const chunk of chunks(pfnOf(iova), pfnOf(physical), pfnOf(size)))
          runs.add({ ...chunk, access, leaf: leafOf(chunk.pages, levels) });
        return;
      }
      default:
    }
  }

  /** The function behind an endpoint. */
  deviceOf(endpoint: string): string {
    return this.subdevices.get(endpoint)?.parent ?? endpoint;
  }

  private topology(change: string, subject: KernelSubject | null): void {
    if (subject === null) return;
    const name = 'name' in subject ? subject.name : String(subject.number);
    const number = 'number' in subject ? subject.number : -1;
    switch (change) {
      case 'GROUP_CREATED': {
        let lowest = 0;
        while (this.groups.has(lowest)) lowest++;
        if (number !== lowest) throw new Error(`group ${number} was made while ${lowest} was free`);
        this.groups.set(number, new Set());
        return;
      }
      case 'GROUP_REMOVED':
        if (this.groups.get(number)?.size !== 0) throw new Error(`group ${number} went with members`);
        this.groups.delete(number);
        return;
      case 'JOINED_GROUP': {
        const group = this.groups.get(this.joining ?? -1);
        if (group === undefined) throw new Error(`${name} joined group ${this.joining}, which is not there`);
        if (this.groupOf.has(name)) throw new Error(`${name} joined a second group`);
        group.add(name);
        this.groupOf.set(name, this.joining!);
        return;
      }
      case 'LEFT_GROUP':
        this.groups.get(this.groupOf.get(name) ?? -1)?.delete(name);
        this.groupOf.delete(name);
        return;
      case 'DOMAIN_ALLOCATED':
        if (this.everDomain.has(number)) throw new Error(`domain number ${number} was used again`);
        this.everDomain.add(number);
        this.domains.set(number, new Runs());
        return;
      case 'DOMAIN_FREED':
        if (!this.domains.delete(number)) throw new Error(`domain ${number} was freed, but was not there`);
        return;
      case 'SUBDEVICE_REMOVED':
        this.subdevices.delete(name);
        return;
      case 'CONTAINER_OPENED':
        this.containers.add(number);
        return;
      case 'CONTAINER_CLOSED':
        this.containers.delete(number);
        return;
      case 'FEATURE_ENABLED':
        this.auxEnabled.add(name);
        return;
      case 'FEATURE_DISABLED':
        this.auxEnabled.delete(name);
        return;
      case 'DRIVER_BOUND':
        this.drivers.set(name, true);
        return;
      case 'DRIVER_UNBOUND':
        this.drivers.set(name, false);
        return;
      default:
    }
  }

  private told(event: Extract<PlatformEvent, { type: 'ATTACHMENT' }>): Told {
    const { domain, kind, pasid } = event;
    const endpoint = 'name' in event.endpoint ? event.endpoint.name : '';
    return { domain, endpoint, device: this.deviceOf(endpoint), kind, pasid };
  }

  private drop(told: Told): void {
    const key = JSON.stringify(told);
    const at = this.attachments.findIndex((each) => JSON.stringify(each) === key);
    if (at < 0) throw new Error(`detached, but never attached: ${key}`);
    this.attachments.splice(at, 1);
  }
}

/**
 * How the core cuts a range: the largest power of two that fits and to which both addresses are aligned.
 * Reference: linux-iommu-siov.md 3.4, iommu_pgsize().
 */
function* chunks(pfn: number, physicalPfn: number, pages: number) {
  while (pages > 0) {
    let chunk = 1;
    while (chunk * 2 <= pages && pfn % (chunk * 2) === 0 && physicalPfn % (chunk * 2) === 0) chunk *= 2;
    yield { pfn, physicalPfn, pages: chunk };
    pfn += chunk;
    physicalPfn += chunk;
    pages -= chunk;
  }
}

function leafOf(pages: number, superpageLevels: number): number {
  if (superpageLevels >= 2 && pages >= 512 ** 2) return 512 ** 2;
  return superpageLevels >= 1 && pages >= 512 ? 512 : 1;
}
