import type { MachineDescription } from '../../firmware/description.js';
import { type DmarSpec, buildDmar } from '../../firmware/dmar/build.js';
import { parseDmar } from '../../firmware/dmar/parse.js';
import { parseHex } from '../../bits/u64.js';
import { describeFunctions, type FunctionPlan } from '../templates/function-plan.js';
import { endpoint, rootPort } from '../templates/kinds.js';
import { CHIPS } from '../templates/legacy-desktop/chips.js';
import { FUNCTIONS } from '../templates/legacy-desktop/functions.js';
import { DMAR, UNITS } from '../templates/legacy-desktop/units.js';
import type { Chip } from '../templates/chip.js';
import { endpointScope } from '../templates/scopes.js';

/** Memory firmware reserves, as a DMAR table lists it. */
export interface Reserved {
  readonly first: string;
  readonly last: string;
  /** `bus:device.function` of a function on a root bus, or the port before one behind it. */
  readonly at: string;
  /** Hops behind the port. */
  readonly path?: readonly string[];
}

interface Changes {
  /** Functions beside, or in place of, those of the template. */
  readonly functions?: readonly FunctionPlan[];
  /** Functions of the template that are not there. */
  readonly without?: readonly string[];
  /** In place of the template's reserved memory. */
  readonly reserved?: readonly Reserved[];
}

/** The machine `legacy-desktop` with other cards in it. */
export function desktop({ functions = [], without = [], reserved }: Changes = {}): MachineDescription {
  const replaced = new Set([...without, ...functions.map(({ at }) => at)]);
  const structures =
    reserved === undefined
      ? DMAR.structures
      : [...DMAR.structures.filter(({ kind }) => kind !== 'RMRR'), ...reserved.map(reservedMemory)];
  return {
    dmar: parseDmar(buildDmar({ ...DMAR, structures })).table,
    functions: describeFunctions([...FUNCTIONS.filter(({ at }) => !replaced.has(at)), ...functions]),
    units: UNITS.map((unit) => ({ ...unit })),
    commandLine: 'intel_iommu=on',
    reportedGroups: [],
  };
}

/** A card in a slot of its own: the port, and the function behind it. */
export function card(port: string, bus: number, chip: Chip): FunctionPlan[] {
  const at = `${bus.toString(16).padStart(2, '0')}:00.0`;
  const slot = 0x10 + bus;
  return [rootPort(port, CHIPS.graphicsPort, { secondary: bus, slot, acs: true }), endpoint(at, chip)];
}

function reservedMemory({ first, last, at, path = [] }: Reserved): DmarSpec['structures'][number] {
  return {
    kind: 'RMRR',
    segment: 0,
    base: parseHex(first)!,
    last: parseHex(last)!,
    scopes: [endpointScope(at, ...path)],
  };
}
