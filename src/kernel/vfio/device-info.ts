import type { PciFunction } from '../../hardware/pci/function.js';
import { HEADER } from '../../layout/pci/header.js';

/** Kinds of interrupts vfio-pci offers its user, by index. Linux: VFIO_PCI_INTX_IRQ_INDEX, ... */
export const VFIO_PCI_IRQS = ['INTX', 'MSI', 'MSI_X', 'ERROR', 'REQUEST'] as const;

/** What a user is told of one kind. Linux: struct vfio_irq_info. */
export interface VfioIrq {
  readonly index: number;
  readonly kind: (typeof VFIO_PCI_IRQS)[number];
  readonly count: number;
  /** It can be masked, and is when it is signalled; only a line can. */
  readonly maskable: boolean;
  /** A set of them is given to user space at once, and cannot grow while it is. */
  readonly fixedSize: boolean;
}

/**
 * Interrupts of a function a user could have; null for an index the function has nothing at, which is EINVAL.
 * Linux: vfio_pci_ioctl_get_irq_info(), vfio_pci_get_irq_count().
 */
export function vfioIrq(fn: PciFunction, index: number): VfioIrq | null {
  const kind = VFIO_PCI_IRQS.at(index);
  if (kind === undefined || (kind === 'ERROR' && !fn.isPcie)) return null;
  const isLine = kind === 'INTX';
  return { index, kind, count: countOf(fn, kind), maskable: isLine, fixedSize: !isLine };
}

/** All a function has, by index. */
export function vfioIrqs(fn: PciFunction): VfioIrq[] {
  return VFIO_PCI_IRQS.flatMap((_kind, index) => vfioIrq(fn, index) ?? []);
}

function countOf(fn: PciFunction, kind: VfioIrq['kind']): number {
  switch (kind) {
    // A virtual function has no line. Spec: Single Root I/O Virtualization 3.4.1.18 "Interrupt Pin Register".
    case 'INTX':
      return !fn.isVirtual && fn.readConfig(HEADER.interruptPin, 1) !== 0 ? 1 : 0;
    case 'MSI':
      return fn.msi?.maxVectors ?? 0;
    case 'MSI_X':
      return fn.msiX?.tableSize ?? 0;
    default:
      return 1;
  }
}

/** Bytes of configuration space a user reaches. Linux: pci_cfg_space_size(). */
export function vfioConfigSize(fn: PciFunction): number {
  return fn.isPcie ? 4096 : 256;
}
