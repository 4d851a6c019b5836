import { formatPciAddress, parsePciAddress } from '../../bits/pci-address.js';
import type {
  ImportWarning,
  MdevTypeDescription,
  PciFunctionDescription,
  SubdeviceDescription,
} from '../description.js';
import type { ListedSubdevice, ListedType } from './listing.js';

/** What listings of types and subdevices add to a machine. */
export interface MdevApplied {
  readonly functions: readonly PciFunctionDescription[];
  readonly subdevices: readonly SubdeviceDescription[];
  readonly warnings: readonly ImportWarning[];
}

interface Offered {
  readonly driver: string;
  readonly types: MdevTypeDescription[];
}

const MAX_INSTANCE = /\bmax_instance=(\d{1,6})\b/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Gives functions the types a listing shows, and says which subdevices exist. A listing does not say how the
 * types of a parent share it, so each has a pool of its own: the instances that are left and those that exist.
 */
export function applyMdev(
  functions: readonly PciFunctionDescription[],
  types: readonly ListedType[],
  listed: readonly ListedSubdevice[],
): MdevApplied {
  const warnings: ImportWarning[] = [];
  const known = new Map(functions.map((fn) => [formatPciAddress(fn.address), fn]));
  const warn = (source: string, line: number | null, message: string) =>
    warnings.push({ source, line, message });
  const subdevices = subdevicesOf(listed, types, known, warn);
  const offered = new Map<string, Offered>();
  const guessed: string[] = [];
  for (const type of types) {
    const name = nameOf(type.parent);
    const fn = name === null ? undefined : known.get(name);
    if (name === null || fn === undefined) {
      const what = name === null ? 'is no PCI function' : 'is not in the PCI listing';
      warn(
        'mdevTypes',
        type.line,
        `parent ${type.parent.slice(0, 40)} of ${type.id.slice(0, 40)} ${what}; ignored`,
      );
      continue;
    }
    const parts = splitId(type.id, fn.driver);
    const others = offered.get(name);
    if (parts === null || (others !== undefined && others.driver !== parts.driver)) {
      const why = parts === null ? 'has no driver in front' : `is not of the driver ${others!.driver}`;
      warn('mdevTypes', type.line, `type ${type.id.slice(0, 40)} of ${name} ${why}; ignored`);
      continue;
    }
    if (others === undefined && fn.driver !== null && fn.driver !== parts.driver)
      warn(
        'mdevTypes',
        type.line,
        `${name} has types of ${parts.driver}, so that is its driver, not ${fn.driver}`,
      );
    const existing = subdevices.filter(({ parent, type: id }) => parent === name && id === type.id).length;
    if (type.available === undefined) guessed.push(type.id);
    const entry = others ?? { driver: parts.driver, types: [] };
    entry.types.push(describe(type, parts.group, existing));
    offered.set(name, entry);
  }
  if (guessed.length > 0)
    warn(
      'mdevTypes',
      null,
      `${guessed.length} types without available instances: their max_instance, or one, is assumed`,
    );
  if (offered.size > 0)
    warn(
      'mdevTypes',
      null,
      'how types share their parent is not listed: making one leaves the number of the others',
    );
  return {
    functions: functions.map((fn) => {
      const entry = offered.get(formatPciAddress(fn.address));
      return entry === undefined ? fn : { ...fn, driver: entry.driver, mdevTypes: entry.types };
    }),
    subdevices: subdevices
      .filter(({ parent, type }) =>
        offered.get(parent)?.types.some(({ group }) => `${offered.get(parent)!.driver}-${group}` === type),
      )
      .map(({ uuid, parent, type }) => ({ uuid, parent: known.get(parent)!.address, type })),
    warnings,
  };
}

function describe(type: ListedType, group: string, existing: number): MdevTypeDescription {
  const most = MAX_INSTANCE.exec(type.description ?? '')?.[1];
  return {
    group,
    displayName: type.displayName ?? null,
    description: type.description ?? null,
    deviceApi: type.deviceApi ?? 'vfio-pci',
    cost: 1,
    pool: type.id,
    capacity: type.available === undefined ? Number(most ?? 1) : type.available + existing,
  };
}

/** Subdevices of functions and types that are there, each UUID once. */
function subdevicesOf(
  listed: readonly ListedSubdevice[],
  types: readonly ListedType[],
  known: ReadonlyMap<string, PciFunctionDescription>,
  warn: (source: string, line: number | null, message: string) => void,
) {
  const seen = new Set<string>();
  const found: { readonly uuid: string; readonly parent: string; readonly type: string }[] = [];
  for (const { uuid, parent, type, line } of listed) {
    const name = nameOf(parent);
    const isOffered = types.some((each) => each.id === type && nameOf(each.parent) === name);
    const problem = !UUID.test(uuid)
      ? 'is no UUID'
      : seen.has(uuid)
        ? 'was listed before'
        : name === null || !known.has(name)
          ? `has the parent ${parent.slice(0, 40)}, which is not in the PCI listing`
          : isOffered
            ? null
            : `is of the type ${type.slice(0, 40)}, which no listing of types has for ${name}`;
    if (problem === null) found.push({ uuid, parent: name!, type });
    else warn('mdevDevices', line, `subdevice ${uuid.slice(0, 36)} ${problem}; ignored`);
    seen.add(uuid);
  }
  return found;
}

function nameOf(parent: string): string | null {
  const address = parsePciAddress(parent);
  return address === null ? null : formatPciAddress(address);
}

/** `i915-GVTg_V5_4` is of i915; the driver that is bound may have a dash in its name. */
function splitId(id: string, driver: string | null) {
  if (driver !== null && id.startsWith(`${driver}-`)) return { driver, group: id.slice(driver.length + 1) };
  const dash = id.indexOf('-');
  return dash < 1 || dash === id.length - 1 ? null : { driver: id.slice(0, dash), group: id.slice(dash + 1) };
}
