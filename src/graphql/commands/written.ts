import { toHex, u64FromNumber } from '../../bits/u64.js';
import { VFIO_IOMMU } from '../../kernel/vfio/objects.js';
import type { Command, TargetRef } from '../../platform/command.js';
import { encodeId } from '../ids.js';

/** A command as a client would send it: the name of the mutation and its input. */
export interface WrittenCommand {
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** The commands that can be part of a repair, mend the cause of a fault, or be asked about. */
type Repairing = Extract<Command, { type: keyof typeof WRITE }>;

type Writer<T extends Command['type']> = (
  platform: string,
  command: Extract<Command, { type: T }>,
) => Record<string, unknown>;

const WRITE = {
  enableFeature: feature,
  disableFeature: feature,
  bindDriver: (p, { device, driver, vectors }) => ({
    device: encodeId('Device', p, device),
    driver,
    ...(vectors !== undefined && { vectors }),
  }),
  createMdev: (p, { parent, mdevType, uuid }) => ({
    parent: encodeId('Device', p, parent),
    type: mdevType,
    uuid,
  }),
  unbindDriver: (p, { device }) => ({ device: encodeId('Device', p, device) }),
  removeMdev: (p, { subdevice }) => ({ subdevice: encodeId('Subdevice', p, subdevice) }),
  removeSoftwareMdev: (p, { subdevice }) => ({ subdevice: encodeId('SoftwareSubdevice', p, subdevice) }),
  attach: attachment,
  detach: attachment,
  map: (p, { domain, iova, physical, size, read, write }) => ({
    domain: encodeId('Domain', p, domain),
    iova: toHex(iova),
    physical: toHex(physical),
    size: toHex(size),
    access: accessList(read, write),
  }),
  unmap: (p, { domain, iova, size }) => ({
    domain: encodeId('Domain', p, domain),
    iova: toHex(iova),
    size: toHex(size),
  }),
  addGroupToContainer: containerGroup,
  removeGroupFromContainer: containerGroup,
  setContainerIommu: (p, { container, iommuType }) => ({
    container: encodeId('VfioContainer', p, container),
    type: iommuType === VFIO_IOMMU.TYPE1 ? 'TYPE1' : 'TYPE1V2',
  }),
  vfioMapDma: (p, { container, iova, vaddr, size, read, write, updateVaddr }) => ({
    container: encodeId('VfioContainer', p, container),
    iova: toHex(iova),
    vaddr: toHex(vaddr),
    size: toHex(size),
    access: accessList(read, write),
    ...(updateVaddr && { updateVaddr }),
  }),
  vfioUnmapDma: (p, { container, iova, size, all, takeVaddr }) => ({
    container: encodeId('VfioContainer', p, container),
    iova: toHex(iova),
    size: toHex(size),
    ...(all && { all }),
    ...(takeVaddr && { takeVaddr }),
  }),
  pokeMemory: (p, { address, words }) => ({
    platform: encodeId('Platform', p, ''),
    address: toHex(u64FromNumber(address)),
    words: words.map(toHex),
  }),
  submitDescriptor: (p, { unit, words }) => ({
    unit: encodeId('IommuUnit', p, unit),
    words: words.map(toHex),
  }),
} as const satisfies { readonly [T in Command['type']]?: Writer<T> };

/** The inverse of the functions that read inputs, for the commands repairs are made of. */
export function writtenCommand(platform: string, command: Command): WrittenCommand {
  if (!(command.type in WRITE)) throw new Error(`no repair is made of ${command.type}`);
  const write = WRITE[(command as Repairing).type] as Writer<Command['type']>;
  return { name: command.type, input: write(platform, command) };
}

/** A whole document that sends it. */
export function documentOf(written: WrittenCommand): string {
  return `mutation { ${written.name}(input: ${inputLiteral(written)}) { __typename ... on Error { message } } }`;
}

/** Its input as it stands in a document. */
export function inputLiteral({ name, input }: WrittenCommand): string {
  const fields = Object.entries(input).map(([key, value]) => `${key}: ${literal(name, key, value)}`);
  return `{ ${fields.join(', ')} }`;
}

/** Words of enumerations stand without quotes. */
function literal(name: string, key: string, value: unknown): string {
  if (key === 'access') return `[${(value as string[]).join(', ')}]`;
  const isWord = key === 'feature' || (key === 'type' && name === 'setContainerIommu');
  return isWord ? String(value) : JSON.stringify(value);
}

function accessList(read: boolean, write: boolean): string[] {
  return [read ? 'READ' : [], write ? 'WRITE' : []].flat();
}

function feature(
  platform: string,
  { device, feature: which }: Extract<Command, { type: 'enableFeature' | 'disableFeature' }>,
) {
  return { device: encodeId('Device', platform, device), feature: which };
}

function attachment(platform: string, { domain, target }: Extract<Command, { type: 'attach' | 'detach' }>) {
  return { domain: encodeId('Domain', platform, domain), target: targetId(platform, target) };
}

function containerGroup(
  platform: string,
  { container, group }: Extract<Command, { type: 'addGroupToContainer' | 'removeGroupFromContainer' }>,
) {
  return {
    container: encodeId('VfioContainer', platform, container),
    group: encodeId('Group', platform, group),
  };
}

function targetId(platform: string, target: TargetRef): string {
  return target.kind === 'Group'
    ? encodeId('Group', platform, target.number)
    : encodeId(target.kind, platform, target.name);
}
