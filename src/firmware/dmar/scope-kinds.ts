import type { DeviceScopeKind } from '../../layout/dmar/table.js';

/** Scope type numbers. Spec: VT-d 8.3.1 "Device Scope Structure". */
export const SCOPE_TYPES = {
  PCI_ENDPOINT: 1,
  PCI_SUB_HIERARCHY: 2,
  IOAPIC: 3,
  HPET: 4,
  ACPI_NAMESPACE: 5,
} as const satisfies Record<Exclude<DeviceScopeKind, 'UNKNOWN'>, number>;

const KINDS = new Map<number, DeviceScopeKind>(
  Object.entries(SCOPE_TYPES).map(([kind, type]) => [type, kind as DeviceScopeKind]),
);

/** The kind a type number stands for. */
export function scopeKindOf(type: number): DeviceScopeKind {
  return KINDS.get(type) ?? 'UNKNOWN';
}
