import type { PciFunction } from '../../hardware/pci/function.js';
import type { PciTopology } from '../../hardware/pci/topology.js';
import { PCI_BASE_CLASS_BRIDGE } from '../../layout/pci/class-codes.js';
import type { DeviceScope, DmarTable } from '../../layout/dmar/table.js';

/** Something firmware got wrong in a device scope that names a PCI function. */
export interface ScopeProblem {
  /**
   * TYPE_MISMATCH: an endpoint scope names a bridge or the other way round; the kernel then leaves the
   * remapping hardware off altogether. BUS_WORKAROUND: the start bus is not a root bus; accepted.
   */
  readonly kind: 'TYPE_MISMATCH' | 'BUS_WORKAROUND';
  readonly fn: PciFunction;
  readonly scope: DeviceScope;
  /** Byte offset in the table of the structure the scope belongs to. */
  readonly structureOffset: number;
}

/**
 * The function a PCI scope stands for, as the kernel matches it: by the whole path from a root bus, or,
 * when the path has one hop, by the bus the function really is on. Null when no function matches, or when
 * scope type and header type contradict each other.
 * Linux: dmar_match_pci_path(), dmar_insert_dev_scope().
 */
export function scopeFunction(
  topology: PciTopology,
  segment: number,
  scope: DeviceScope,
): PciFunction | null {
  const fn = pathFunction(topology, segment, scope);
  return fn === null || contradicts(scope, fn) ? null : fn;
}

/** What is wrong with the scopes the kernel looks at: those of reserved memory, ATS ports and explicit units. */
export function scopeProblems(dmar: DmarTable, topology: PciTopology): ScopeProblem[] {
  const problems: ScopeProblem[] = [];
  for (const structure of dmar.structures) {
    const looked =
      structure.kind === 'RMRR' ||
      (structure.kind === 'DRHD' && !structure.includeAll) ||
      (structure.kind === 'ATSR' && !structure.allPorts);
    if (!looked) continue;
    for (const scope of structure.scopes) {
      const fn = pathFunction(topology, structure.segment, scope);
      if (fn === null) continue;
      const found = { fn, scope, structureOffset: structure.offset };
      if (topology.upstreamBridge(fn) !== null && scope.path.length === 1) {
        problems.push({ kind: 'BUS_WORKAROUND', ...found });
      }
      if (contradicts(scope, fn)) problems.push({ kind: 'TYPE_MISMATCH', ...found });
    }
  }
  return problems;
}

/**
 * Whether a scope covers a function: it names it, or names a bridge it is behind.
 * @param named what {@link scopeFunction} gave for the scope
 */
export function coversFunction(topology: PciTopology, named: PciFunction | null, fn: PciFunction): boolean {
  return named !== null && (named === fn || topology.isBehind(named, fn));
}

function pathFunction(topology: PciTopology, segment: number, scope: DeviceScope): PciFunction | null {
  const fn = topology.resolveScope(segment, scope);
  if (fn === null || fn.isVirtual) return null;
  if (scope.path.length === 1) return fn;
  // A path of several hops counts only from a root bus: the first hop must have no bridge above it.
  return topology.bridgesAbove(fn).length === scope.path.length - 1 ? fn : null;
}

/**
 * An endpoint scope must name a function with a normal header. A bridge scope may name one too, if its
 * base class says bridge: non-transparent bridges look like that.
 */
function contradicts(scope: DeviceScope, fn: PciFunction): boolean {
  if (scope.kind === 'PCI_ENDPOINT') return fn.headerKind !== 'ENDPOINT';
  return fn.headerKind === 'ENDPOINT' && fn.classCode >>> 16 !== PCI_BASE_CLASS_BRIDGE;
}
