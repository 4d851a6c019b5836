import { pfnOf, toHex, type U64 } from '../../../src/bits/u64.js';
import type { Domain } from '../../../src/kernel/iommu/domain.js';
import type { Subdevice } from '../../../src/kernel/mdev/subdevice.js';
import { canonical } from '../../../src/platform/canonical.js';
import type { Command } from '../../../src/platform/command.js';
import type { DmaOutcome } from '../../../src/platform/dma.js';
import type { Applied, Platform } from '../../../src/platform/platform.js';
import { Book, type Told } from './book.js';
import { isForm } from './log-forms.js';
import { BOOTED_AT, bootCase, type Case } from './machines.js';
import { exceptionFor } from './half-way.js';
import { merged, type Run } from './runs.js';
import { freeFrames, Shadow, stateOf, takenPasids } from './state.js';
import { framesOfPasidTable, readTable, readUnit, type Route, type UnitTables } from './tables.js';

/** Milliseconds between two commands: long enough for the fault limiter to open now and then. */
export const STEP = 700;

/** A rule that does not hold, and what was found. */
export class Broken extends Error {}

/** Boots a machine, runs commands on it, and looks after each whether every rule still holds. */
export class Watch {
  readonly platform: Platform;
  readonly book = new Book();
  readonly commands: Command[] = [];
  /** Domain ids by unit that nobody will give back: those of domains that were freed with a lost attachment. */
  readonly lostIds = new Map<string, number>();
  /** PASIDs in use, as whoever counts attachments would have it. */
  readonly ownedPasids = new Set<number>();
  /** Domains that were attached under a number they kept without owning it (linux-iommu-siov.md 4.4). */
  private readonly borrowers = new Set<number>();
  /** Devices whose entries went with those of a device that has a requester id in common with them. */
  private readonly robbed = new Set<string>();
  private readonly baseFrames: number;
  private readonly profile: Platform['header']['kernel']['profile'];
  private readonly hostPages: number;
  private readonly shadow = new Shadow();
  /** What memory says now. */
  private units: ReadonlyMap<string, UnitTables>;

  constructor(readonly subject: Case) {
    this.platform = bootCase(subject);
    this.hostPages = 2 ** (subject.description.dmar!.hostAddressWidth - 12);
    this.profile = this.platform.header.kernel.profile;
    const { kernel, events } = this.platform;
    for (let at = events.first; at <= events.last; at++)
      // Boot maps only reserved memory, and that in small pages.
      this.book.apply(events.at(at)!.event, () => 0);
    this.units = this.readUnits();
    this.baseFrames = stateOf(kernel).frames.used - this.reachable(this.units).length;
    this.shadow.changes(this.platform);
    this.check();
  }

  run(command: Command): Applied {
    const { platform, book } = this;
    const { kernel, events } = platform;
    // Timers that are due run when the next command begins, and what they do is not the command's.
    const time = BOOTED_AT + STEP * (this.commands.length + 1);
    kernel.now = time;
    if (this.shadow.changes(platform).includes('memory')) this.units = this.readUnits();
    const before = [...kernel.domains.values()].map((domain) => ({
      domain,
      ids: [...domain.domainIds].map(([unit, { did }]) => ({ unit: unit.name, did })),
      defaultPasid: domain.defaultPasid,
      superpageLevels: domain.superpageLevels,
    }));
    const requesters = this.requesters();
    const known = new Map(before.map((each) => [each.domain.number, each]));
    const lastSequence = events.last;
    const revision = platform.revision;
    this.commands.push(command);
    const applied = platform.apply({ command, time });

    equal('revision', platform.revision, revision + 1);
    equal('first event', applied.firstSequence, lastSequence + 1);
    equal('last event', events.last, applied.lastSequence);
    if (applied.result.ok) this.note(command);
    for (let at = applied.firstSequence; at <= applied.lastSequence; at++) {
      const stamped = events.at(at)!;
      equal('number of an event', stamped.sequence, at);
      const { event } = stamped;
      if (event.type === 'KERNEL_LOG' && !isForm(this.profile, event.text))
        throw new Broken(`no kernel of ${this.profile} prints: ${event.text}`);
      book.apply(event, (number) => this.levelsOf(number, known.get(number)?.superpageLevels ?? 0));
      if (event.type === 'ATTACHMENT' && event.kind === 'PRIMARY' && event.attached)
        this.robbed.delete('name' in event.endpoint ? event.endpoint.name : '');
      if (event.type === 'ATTACHMENT' && event.kind !== 'PRIMARY')
        this.countPasid(event, known.get(event.domain));
    }
    for (const [name, requester] of requesters) {
      // What is behind a volume management device has no entries that could go with it.
      if (kernel.devices.has(name) || name.startsWith('10000:')) continue;
      for (const [other, id] of requesters) if (id === requester) this.robbed.add(other);
    }
    for (const { domain, ids } of before) {
      if (kernel.domains.has(domain.number)) continue;
      for (const { unit } of ids) {
        const isLost = domain.attachments.some((each) => each.leaked && each.unit.name === unit);
        const isFree = [...domain.domainIds.keys()].every(({ name }) => name !== unit);
        if (!isLost && !isFree) throw new Broken(`domain ${domain.number} took its id of ${unit} along`);
        if (!isFree) this.lostIds.set(unit, (this.lostIds.get(unit) ?? 0) + 1);
      }
    }
    const changed = this.shadow.changes(platform);
    if (!applied.result.ok) this.checkRefused(command, applied.result.error, changed);
    if (changed.includes('memory')) this.units = this.readUnits();
    // What changed in no part is as it was checked after the command before.
    if (changed.length > 0) this.check();
    if (command.type === 'dma' && applied.result.ok)
      this.checkDma(command, applied.result.value as DmaOutcome);
    return applied;
  }

  /** The id each device's requests arrive under. */
  private requesters(): ReadonlyMap<string, number> {
    const { kernel, machine } = this.platform;
    return new Map([...kernel.devices.values()].map(({ name, fn }) => [name, machine.requesterId(fn)]));
  }

  /** What commands say and events do not. */
  private note(command: Command): void {
    if (command.type !== 'createMdev' && command.type !== 'createSoftwareMdev') return;
    const { parent, mdevType: type, uuid } = command;
    this.book.subdevices.set(uuid, { parent, type, software: command.type === 'createSoftwareMdev' });
  }

  /** Large pages count from a domain's first attachment on, which the same command may have made. */
  private levelsOf(number: number, before: number): number {
    return Math.max(before, this.platform.kernel.domains.get(number)?.superpageLevels ?? 0);
  }

  /** Linux: ioasid_alloc() gives the lowest; the last attachment of a domain frees its number. */
  private countPasid(
    event: { attached: boolean; domain: number; kind: string; pasid: number | null },
    known: { readonly domain: Domain; readonly defaultPasid: number } | undefined,
  ): void {
    const { ownedPasids, book } = this;
    const pasid = event.pasid!;
    const others = book.attachments.filter(
      (each) => each.domain === event.domain && each.kind === event.kind && each.pasid === pasid,
    ).length;
    const before = known?.defaultPasid ?? 0;
    // A domain the command freed takes what it lost along.
    const domain = known?.domain ?? this.platform.kernel.domains.get(event.domain);
    const lost = domain?.attachments.filter((each) => each.leaked).length ?? 0;
    if (event.attached) {
      const isNew = event.kind === 'PASID' || (before === 0 && others === 1);
      if (isNew) {
        let lowest = 1;
        const ofProcesses = [...this.platform.kernel.processes.values()].map((each) => each.pasid);
        while (ownedPasids.has(lowest) || ofProcesses.includes(lowest)) lowest++;
        equal('PASID taken', pasid, lowest);
        ownedPasids.add(pasid);
      } else if (others === 1 && lost === 0) this.borrowers.add(event.domain);
      return;
    }
    if (others === 0 && lost === 0) ownedPasids.delete(pasid);
  }

  private checkRefused(command: Command, error: unknown, changed: readonly string[]): void {
    if (changed.length === 0) return;
    const exception = exceptionFor(this.platform, command, error);
    if (exception !== null && changed.every((part) => exception.changes.includes(part))) return;
    throw new Broken(
      `refused (${(error as Error).message}), but changed ${changed.join(', ')}: ${JSON.stringify(command)}`,
    );
  }

  check(): void {
    this.checkGroups();
    this.checkSubdevices();
    this.checkAttachments();
    this.checkDomainIds();
    this.checkPasids();
    const { units } = this;
    this.checkRoutes(units);
    this.checkMemory(units);
  }

  private checkGroups(): void {
    const { kernel } = this.platform;
    const { book } = this;
    same('groups', [...kernel.groups.keys()].sort(ascending), [...book.groups.keys()].sort(ascending));
    const seen = new Set<string>();
    for (const [number, group] of kernel.groups) {
      equal('number of a group', group.number, number);
      for (const domain of [group.domain, group.defaultDomain, group.blockingDomain])
        if (domain !== null && kernel.domains.get(domain.number) !== domain)
          throw new Broken(`group ${number} is on domain ${domain.number}, which was freed`);
      same(`members of group ${number}`, names(group.members), [...book.groups.get(number)!].sort());
      for (const member of group.members) {
        if (member.group !== group) throw new Broken(`${member.name} does not know group ${number}`);
        if (seen.has(member.name)) throw new Broken(`${member.name} is in two groups`);
        seen.add(member.name);
        if (member.kind !== 'Device' && group.members.length !== 1)
          throw new Broken(`subdevice ${member.name} shares group ${number}`);
      }
    }
    const functions = [...kernel.groups.values()]
      .map(({ members }) => names(members.filter(({ kind }) => kind === 'Device')))
      .filter((members) => members.length > 0);
    same('groups of functions', functions.map(String).sort(), this.expectedGroups().map(String).sort());
  }

  /** The groups of a fresh machine without who went, and a virtual function alone each. */
  private expectedGroups(): readonly (readonly string[])[] {
    const { kernel } = this.platform;
    const isThere = (name: string) => (kernel.devices.get(name)?.group ?? null) !== null;
    const virtual = [...kernel.devices.values()].filter(({ fn, group }) => fn.isVirtual && group !== null);
    return [
      ...this.subject.groups.map((names) => names.filter(isThere)).filter(({ length }) => length > 0),
      ...virtual.map(({ name }) => [name]),
    ];
  }

  private checkSubdevices(): void {
    const { kernel } = this.platform;
    const { subdevices } = this.book;
    const present = [...kernel.subdevices.keys(), ...kernel.softwareSubdevices.keys()].sort();
    same('subdevices', present, [...subdevices.keys()].sort());
    const parents = [...kernel.devices.values(), ...kernel.softwareParents.values()];
    for (const parent of parents) {
      for (const { name, availableInstances } of kernel.mdevTypes(parent)) {
        const input = parent.mdevTypeInputs.find(({ group }) => name === `${parent.driver}-${group}`)!;
        let used = 0;
        for (const made of subdevices.values()) {
          if (made.parent !== parent.name) continue;
          const type = parent.mdevTypeInputs.find(({ group }) => made.type.endsWith(`-${group}`))!;
          if (type.pool === input.pool) used += type.cost;
        }
        if (used > input.capacity) throw new Broken(`${parent.name} gave out ${used} of ${input.capacity}`);
        equal(`instances of ${name}`, availableInstances, Math.floor((input.capacity - used) / input.cost));
      }
    }
  }

  private checkAttachments(): void {
    const { kernel } = this.platform;
    const told = (each: Domain['attachments'][number]): Told => ({
      domain: each.domain.number,
      endpoint: each.endpoint.name,
      device: each.device.name,
      kind: each.kind,
      pasid: each.pasid,
    });
    const expected = this.book.attachments.map((each) => JSON.stringify(each)).sort();
    const devices = [...kernel.devices.values()];
    const byDevice = devices.flatMap(({ attachments }) => attachments.map(told));
    const byDomain = [...kernel.domains.values()].flatMap(({ attachments }) =>
      attachments.filter(({ leaked }) => !leaked).map(told),
    );
    same('attachments of devices', byDevice.map((each) => JSON.stringify(each)).sort(), expected);
    same('attachments of domains', byDomain.map((each) => JSON.stringify(each)).sort(), expected);
    for (const device of devices) {
      const primary = device.attachments.filter(({ kind }) => kind === 'PRIMARY');
      equal(`primary of ${device.name}`, device.primaryDomain ?? null, primary[0]?.domain ?? null);
      if (primary.length > 1) throw new Broken(`${device.name} has two primary domains`);
      const holders = new Map<number, Domain>();
      for (const { pasid, domain } of device.attachments) {
        if (pasid === null) continue;
        if ((holders.get(pasid) ?? domain) !== domain)
          throw new Broken(`PASID ${pasid} of ${device.name} is live twice`);
        holders.set(pasid, domain);
      }
    }
  }

  /** Linux: domain_attach_iommu(): each live domain one id a unit, ids 0 and (in scalable mode) 1 reserved. */
  private checkDomainIds(): void {
    const { kernel } = this.platform;
    for (const unit of kernel.units) {
      if (unit.ignored) continue;
      const reserved = kernel.scalableMode || this.profile === 'V6_1' ? 2 : 1;
      const ids = [...kernel.domains.values()].flatMap((domain) => {
        const held = domain.domainIds.get(unit);
        if (held === undefined) return [];
        const here = domain.attachments.filter((each) => each.unit === unit);
        const live = new Set(
          here.filter(({ leaked }) => !leaked).map(({ device, pasid }) => `${device.name}/${pasid}`),
        );
        const hasLost = here.some(({ leaked }) => leaked);
        if (hasLost ? held.users < live.size : held.users !== live.size)
          throw new Broken(
            `domain ${domain.number} counts ${held.users} users on ${unit.name}, not ${live.size}`,
          );
        for (const { kind, domainIdTag } of here)
          if (kind !== 'PRIMARY' || domain.type !== 'IDENTITY')
            equal('id of an attachment', domainIdTag, held.did);
        return [held.did];
      });
      if (new Set(ids).size !== ids.length) throw new Broken(`an id of ${unit.name} is in use twice: ${ids}`);
      if (ids.some((did) => did < reserved)) throw new Broken(`${unit.name} gave out a reserved id`);
      const lost = this.lostIds.get(unit.name) ?? 0;
      equal(`ids used of ${unit.name}`, unit.domainIdsUsed, reserved + ids.length + lost);
    }
  }

  private checkPasids(): void {
    const { kernel } = this.platform;
    const ofProcesses = [...kernel.processes.values()].map(({ pasid }) => pasid);
    same('PASIDs taken', takenPasids(kernel), [...this.ownedPasids, ...ofProcesses].sort(ascending));
    for (const [pid, { bonds, pasid }] of kernel.processes) {
      if (bonds.size === 0) throw new Broken(`nobody shares process ${pid}`);
      for (const [device, users] of bonds) {
        if (kernel.devices.get(device.name) !== device || users < 1)
          throw new Broken(`process ${pid} is shared by ${device.name}, ${users} times`);
        const holder = device.attachments.find((each) => each.pasid === pasid);
        if (holder !== undefined && !this.borrowers.has(holder.domain.number))
          throw new Broken(`PASID ${pasid} of ${device.name} is live twice`);
      }
    }
    for (const unit of kernel.units) {
      const holders = new Map<number, Set<Domain>>();
      for (const device of kernel.devices.values()) {
        if (device.unit !== unit) continue;
        for (const { pasid, domain } of device.attachments)
          if (pasid !== null) holders.set(pasid, (holders.get(pasid) ?? new Set()).add(domain));
      }
      for (const [pasid, domains] of holders) {
        const owners = [...domains].filter(({ number }) => !this.borrowers.has(number));
        if (owners.length > 1) throw new Broken(`PASID ${pasid} is live twice on ${unit.name}`);
      }
    }
  }

  /** What memory says is translated by what, against the attachments. */
  private checkRoutes(units: ReadonlyMap<string, UnitTables>): void {
    const { kernel, machine } = this.platform;
    const roots = new Set(
      [...kernel.domains.values(), ...kernel.processes.values()].map(({ rootFrame }) => rootFrame),
    );
    for (const { routes } of units.values()) {
      for (const route of routes) {
        if (route.kind === 'TABLES' && !roots.has(route.rootFrame))
          throw new Broken(`${describe(route)} leads to a table of no domain and no process`);
      }
    }
    for (const device of kernel.devices.values()) {
      if (device.unit === null) continue;
      const tables = units.get(device.unit.name)!;
      const routes = tables.routes.filter(({ sourceId }) => sourceId === device.fn.sourceId);
      const mine = routes.filter(({ pasid }) => pasid !== null);
      const primary = this.book.attachments.find(
        (each) => each.device === device.name && each.kind === 'PRIMARY',
      );
      const untagged = routes.find(({ pasid }) => pasid === null);
      if (this.robbed.has(device.name)) continue;
      if (primary !== undefined) {
        // Behind a bridge the entry of its secondary bus decides. A device's own may be empty: a neighbour that
        // went to another table cleared what they shared. Linux: intel_pasid_tear_down_entry().
        const requester = machine.requesterId(device.fn);
        const used = tables.routes.find((each) => each.sourceId === requester && each.pasid === null);
        this.checkRoute(used, primary, device.name);
        if (untagged !== undefined) this.checkRoute(untagged, primary, device.name);
      } else if (untagged !== undefined && machine.requesterId(device.fn) === device.fn.sourceId) {
        // The id of a bridge's secondary bus belongs to all behind it.
        const shared = [...kernel.devices.values()].some(
          (other) => other !== device && machine.requesterId(other.fn) === device.fn.sourceId,
        );
        if (!shared) throw new Broken(`${device.name} is attached to nothing, but ${describe(untagged)}`);
      }
      const tagged = this.book.attachments.filter(
        (each) => each.device === device.name && each.kind !== 'PRIMARY',
      );
      const shared = kernel.processesOf(device);
      for (const route of mine)
        if (![...tagged, ...shared].some(({ pasid }) => pasid === route.pasid))
          throw new Broken(`nothing is attached to PASID ${route.pasid} of ${device.name}`);
      // Without a context entry nothing of the device gets through; its table waits for the next one.
      if (untagged === undefined) continue;
      for (const { pid, pasid, rootFrame } of shared) {
        const route = mine.find((each) => each.pasid === pasid);
        if (route === undefined) throw new Broken(`no table leads ${device.name} to process ${pid}`);
        same(describe(route), [route.rootFrame, route.levels, route.did], [rootFrame, 4, 1]);
      }
      for (const attachment of tagged)
        this.checkRoute(
          mine.find(({ pasid }) => pasid === attachment.pasid),
          attachment,
          device.name,
        );
    }
  }

  private checkRoute(route: Route | undefined, { domain: number, pasid }: Told, device: string): void {
    const domain = this.platform.kernel.domains.get(number)!;
    if (route === undefined)
      throw new Broken(`domain ${number} is attached to ${device} (PASID ${pasid}), but no table says so`);
    if (route.kind === 'PASS_THROUGH') {
      equal(`type of domain ${number}`, domain.type, 'IDENTITY');
      return;
    }
    equal(`root of ${describe(route)}`, route.rootFrame, domain.rootFrame);
    equal(`levels of ${describe(route)}`, route.levels, domain.levels);
    const unit = this.platform.kernel.units.find(({ name }) => name === route.unit)!;
    equal(`id of ${describe(route)}`, route.did, domain.domainIds.get(unit)?.did);
  }

  /** Page tables hold what was mapped, share no frame, and no frame is lost or free and used. */
  private checkMemory(units: ReadonlyMap<string, UnitTables>): void {
    const { kernel, machine } = this.platform;
    for (const domain of kernel.domains.values()) {
      const { frames, runs } = readTable(machine.memory, domain.rootFrame, domain.levels);
      same(`mappings of domain ${domain.number}`, runs, this.expectedRuns(domain));
      const waiting = waitingFrames(domain).length;
      equal(`tables of domain ${domain.number}`, domain.tableBytes, (frames.length + waiting) * 4096);
      equal(
        `pages of domain ${domain.number}`,
        domain.mappedBytes / 4096,
        sum(runs.map(({ pages }) => pages)),
      );
    }
    for (const { pid, rootFrame, table } of kernel.processes.values()) {
      const { frames, runs } = readTable(machine.memory, rootFrame, 4);
      equal(`tables of process ${pid}`, table.tableFrames, frames.length);
      equal(`pages of process ${pid}`, table.mappedPages, sum(runs.map(({ pages }) => pages)));
    }
    const frames = this.reachable(units);
    const unique = new Set(frames);
    if (unique.size !== frames.length) {
      const twice = frames.find((frame, index) => frames.indexOf(frame) !== index)!;
      throw new Broken(`frame 0x${twice.toString(16)} is part of two tables`);
    }
    const used = freeFrames(kernel).find((frame) => unique.has(frame));
    if (used !== undefined) throw new Broken(`frame 0x${used.toString(16)} is free and part of a table`);
    equal('frames in use', stateOf(kernel).frames.used, this.baseFrames + frames.length);
  }

  private expectedRuns(domain: Domain): Run[] {
    const readable = domain.firstLevel || this.profile === 'V6_1';
    const all = this.book.domains.get(domain.number)!.all;
    return merged(all.map((run) => ({ ...run, access: readable && run.access === 'w' ? 'rw' : run.access })));
  }

  /** Every frame a table of this machine takes, found from roots and root pointers. */
  private reachable(units: ReadonlyMap<string, UnitTables>): number[] {
    const { kernel, machine } = this.platform;
    const { memory } = machine;
    const frames = [...kernel.domains.values()].flatMap(
      ({ rootFrame, levels }) => readTable(memory, rootFrame, levels).frames,
    );
    for (const domain of kernel.domains.values()) frames.push(...waitingFrames(domain));
    for (const { rootFrame } of kernel.processes.values())
      frames.push(...readTable(memory, rootFrame, 4).frames);
    // A directory is one, however many requesters use it.
    const directories = new Map<number, readonly number[]>();
    for (const { contextFrames, pasidFrames } of units.values()) {
      frames.push(...contextFrames);
      for (const list of pasidFrames.values()) directories.set(list[0], list);
    }
    for (const { info, keptPasidTable } of kernel.devices.values()) {
      const table = info?.pasidTable ?? keptPasidTable;
      if (table === null) continue;
      const { directoryFrame, capacity } = table;
      directories.set(directoryFrame, framesOfPasidTable(memory, directoryFrame, capacity / 64));
    }
    return [...frames, ...[...directories.values()].flat()];
  }

  /** A request got through only where a table leads, or where a cached entry leads that is shown as stale. */
  private checkDma(command: Extract<Command, { type: 'dma' }>, outcome: DmaOutcome): void {
    const { kernel, machine } = this.platform;
    if (command.translation === 'TRANSLATED') return; // The device is taken at its word.
    const subdevice =
      command.endpoint.kind === 'Subdevice' ? kernel.subdevices.get(command.endpoint.name)! : null;
    const device = subdevice?.parent ?? kernel.devices.get(command.endpoint.name)!;
    const unit = machine.unitFor(device.fn);
    if (unit === null || device.unit === null) return;
    const pasid =
      command.pasid === 'OWN' ? (subdevice?.pasid ?? null) : command.pasid === 'NONE' ? null : command.pasid;
    const sourceId = machine.requesterId(device.fn);
    const { routes, pasidEnabled } = this.units.get(unit.name)!;
    const usable = pasid === null || pasidEnabled.has(sourceId);
    const route = usable
      ? routes.find((each) => each.sourceId === sourceId && each.pasid === pasid)
      : undefined;
    // What a translation request is answered may be less than it asked for.
    const asks = command.translation === 'TRANSLATION_REQUEST';
    const wanted = asks ? '' : command.access === 'WRITE' ? 'w' : 'r';
    const stale = (address: U64) =>
      unit
        .cacheEntries(null, Infinity)
        .some((entry) => entry.stale && covers(entry, address) && (entry.pasid ?? pasid) === pasid);
    let at = 0;
    for (const segment of outcome.segments) {
      const address = plus(command.address, at);
      at += segment.size;
      if (address.hi === 0 && address.lo >>> 20 === 0xfee) continue;
      const expected = route === undefined ? null : this.translate(route, address, wanted);
      if (expected === segment.physical || stale(address)) continue;
      throw new Broken(
        `${toHex(address)} went to 0x${segment.physical.toString(16)}, but the tables say ${expected ?? 'nothing'}`,
      );
    }
    const refused = outcome.refusedAt;
    const plain = command.translation === 'UNTRANSLATED' && command.access !== 'EXECUTE';
    if (refused === null || !plain || route === undefined) return;
    if (refused.hi === 0 && refused.lo >>> 20 === 0xfee) return;
    if (this.translate(route, refused, wanted) !== null && !stale(refused))
      throw new Broken(`${toHex(refused)} was refused, although ${describe(route)} maps it`);
  }

  private readUnits(): Map<string, UnitTables> {
    const { memory, units } = this.platform.machine;
    return new Map(units.map((unit) => [unit.name, readUnit(memory, unit)]));
  }

  private translate(route: Route, address: U64, wanted: string): number | null {
    const byte = address.lo & 0xfff;
    const pfn = pfnOf(address);
    const { memory } = this.platform.machine;
    if (route.kind === 'PASS_THROUGH') return pfn < this.hostPages ? pfn * 4096 + byte : null;
    const { runs } = readTable(memory, route.rootFrame, route.levels);
    const run = runs.find((each) => each.pfn <= pfn && pfn < each.pfn + each.pages);
    if (run === undefined || !run.access.includes(wanted)) return null;
    return (run.physicalPfn + pfn - run.pfn) * 4096 + byte;
  }

  subdevice(uuid: string): Subdevice | undefined {
    return this.platform.kernel.subdevices.get(uuid);
  }
}

/** Tables that caches may still know, until the queue of their domain is flushed. */
function waitingFrames({ flushQueue }: Domain): readonly number[] {
  return flushQueue?.entries.flatMap(({ freed }) => freed) ?? [];
}

function covers(
  { address, pageSize }: { readonly address: U64 | null; readonly pageSize: number | null },
  wanted: U64,
): boolean {
  if (address === null || pageSize === null) return true;
  const distance = pfnOf(wanted) - pfnOf(address);
  return distance >= 0 && distance < pageSize / 4096;
}

function plus(address: U64, bytes: number): U64 {
  const lo = address.lo + bytes;
  return { hi: (address.hi + Math.floor(lo / 2 ** 32)) >>> 0, lo: lo >>> 0 };
}

function describe({ unit, sourceId, pasid }: Route): string {
  return `${unit} sends ${sourceId.toString(16).padStart(4, '0')} (PASID ${pasid})`;
}

function names(members: readonly { readonly name: string }[]): string[] {
  return members.map(({ name }) => name).sort();
}

const ascending = (a: number, b: number) => a - b;
const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);

function equal(what: string, found: unknown, expected: unknown): void {
  if (found !== expected) throw new Broken(`${what}: ${String(found)}, expected ${String(expected)}`);
}

function same(what: string, found: readonly unknown[], expected: readonly unknown[]): void {
  const [a, b] = [canonical(found), canonical(expected)];
  if (a !== b) throw new Broken(`${what}: ${a}, expected ${b}`);
}
