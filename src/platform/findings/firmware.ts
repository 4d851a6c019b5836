import { equalU64, isZero, pfnOf, toHex } from '../../bits/u64.js';
import { MOST_RESERVED_PAGES } from '../../kernel/iommu/default-domain.js';
import { scopeFunction, scopeProblems } from '../../kernel/intel/scope.js';
import { isBadRmrr } from '../../kernel/log/boot-lines.js';
import type { DeviceScope, RemappingStructure } from '../../layout/dmar/table.js';
import type { Finding, FindingRule, Inspected } from './finding.js';

/**
 * What firmware got wrong in its DMAR table, with what the kernel makes of it.
 * Linux: dmar_validate_one_drhd(), rmrr_sanity_check(), dmar_insert_dev_scope(), dmar_parse_one_rhsa().
 */
export const firmware: FindingRule = function* (inspected) {
  const { dmar } = inspected;
  if (dmar === null) return;
  if (!dmar.checksumValid) {
    yield bug(
      'FIRMWARE_CHECKSUM',
      'ERROR',
      'The bytes of the DMAR table do not add up to 0: its checksum is wrong.',
    );
  }
  if (!dmar.structures.some(({ kind }) => kind === 'DRHD')) {
    yield bug('FIRMWARE_NO_UNIT', 'ERROR', 'The DMAR table has no DRHD, so there is no remapping unit.');
  }
  for (const structure of dmar.structures) yield* aboutStructure(inspected, structure);
  for (const { kind, fn, structureOffset } of scopeProblems(dmar, inspected.machine.topology)) {
    yield kind === 'TYPE_MISMATCH'
      ? bug(
          'FIRMWARE_SCOPE_TYPE',
          'ERROR',
          `A scope at offset ${hexOf(structureOffset)} calls ${fn.name} a ${fn.headerKind === 'ENDPOINT' ? 'bridge' : 'endpoint'}, which it is not; the kernel then leaves remapping off altogether.`,
          { kind: 'Device', name: fn.name },
        )
      : bug(
          'FIRMWARE_SCOPE_BUS',
          'INFO',
          `A scope at offset ${hexOf(structureOffset)} names ${fn.name} by the bus it is on instead of a path from a root bus; the kernel accepts that.`,
          { kind: 'Device', name: fn.name },
        );
  }
};

function* aboutStructure({ dmar, machine }: Inspected, structure: RemappingStructure): Generator<Finding> {
  const at = `at offset ${hexOf(structure.offset)}`;
  if (structure.kind === 'DRHD' && isZero(structure.registerBase)) {
    yield bug(
      'FIRMWARE_UNIT_BASE_ZERO',
      'ERROR',
      `The DRHD ${at} has register base 0, for which the kernel refuses the whole table.`,
    );
  }
  if (structure.kind === 'RMRR' && isBadRmrr(structure)) {
    const range = `${toHex(structure.base)}-${toHex(structure.last)}`;
    yield bug(
      'FIRMWARE_RMRR_INVALID',
      'WARNING',
      `The RMRR ${at} reserves ${range}, which ends before it begins or is not made of whole pages. The kernel calls the firmware broken and keeps the region.`,
    );
  }
  if (structure.kind === 'RMRR' && !isBadRmrr(structure)) {
    const pages = pfnOf(structure.last) - pfnOf(structure.base) + 1;
    if (pages > MOST_RESERVED_PAGES)
      yield bug(
        'FIRMWARE_RMRR_TOO_LONG',
        'ERROR',
        `The RMRR ${at} reserves ${toHex(structure.base)}-${toHex(structure.last)}, ${pages} pages: a kernel would map them all for each device it names, and hardly come up. Here it is left out of default domains.`,
      );
  }
  if (structure.kind === 'RHSA') {
    const known = dmar!.structures.some(
      (other) => other.kind === 'DRHD' && equalU64(other.registerBase, structure.registerBase),
    );
    if (!known) {
      yield bug(
        'FIRMWARE_RHSA_UNKNOWN_UNIT',
        'INFO',
        `The RHSA ${at} is about a unit at ${toHex(structure.registerBase)}, which no DRHD declares.`,
      );
    }
  }
  if (!('scopes' in structure)) return;
  for (const scope of structure.scopes) {
    if (scope.kind !== 'PCI_ENDPOINT' && scope.kind !== 'PCI_SUB_HIERARCHY') continue;
    if (machine.topology.resolveScope(structure.segment, scope) !== null) continue;
    if (scopeFunction(machine.topology, structure.segment, scope) !== null) continue;
    yield bug(
      'FIRMWARE_SCOPE_ABSENT',
      structure.kind === 'RMRR' ? 'INFO' : 'WARNING',
      `The ${structure.kind} ${at} names ${pathOf(structure.segment, scope)}, where there is no device. The kernel passes over the scope.`,
    );
  }
}

function bug(
  code: string,
  severity: Finding['severity'],
  message: string,
  subject: Finding['subject'] = null,
): Finding {
  const remedy = severity === 'INFO' ? null : 'Only a firmware update mends the table.';
  return { code, severity, message, subject, remedy };
}

/** The bus the path starts on, then device.function of each hop. */
function pathOf(segment: number, { startBus, path }: DeviceScope): string {
  const two = (value: number) => value.toString(16).padStart(2, '0');
  const hops = path.map((hop) => `${two(hop.device)}.${hop.function}`);
  return `${segment.toString(16).padStart(4, '0')}:${two(startBus)}:${hops.join('/')}`;
}

function hexOf(offset: number): string {
  return `0x${offset.toString(16)}`;
}
