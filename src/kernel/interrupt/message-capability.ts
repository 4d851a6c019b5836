import { HEADER } from '../../layout/pci/header.js';
import {
  MSI_ADDRESS_OFFSET,
  MSI_CONTROL_OFFSET,
  MSI_ENABLE,
  MSI_MULTIPLE_ENABLE_SHIFT,
  MSI_X_CONTROL_OFFSET,
  MSI_X_ENABLE,
} from '../../layout/pci/message-signalled.js';
import type { KernelDevice } from '../device/kernel-device.js';
import { refusal } from '../refusal.js';
import type { InterruptKind } from './device-interrupt.js';

/** Whose rule the number of interrupts is. */
export const MIRRORS = 'pci_alloc_irq_vectors_affinity';
/** Interrupt Disable of the command register. */
const NO_INTX = 0x400;

/** MSI-X when its table is long enough, else MSI. Without remapping MSI has one vector. */
export function chooseKind(
  device: KernelDevice,
  count: number,
  { remapped }: { readonly remapped: boolean },
): InterruptKind {
  const { msi, msiX } = device.fn;
  if (msiX !== null && count <= msiX.tableSize) return 'MSI_X';
  const msiVectors = msi === null ? 0 : remapped ? msi.maxVectors : 1;
  if (count <= msiVectors) return 'MSI';
  const most = Math.max(msiX?.tableSize ?? 0, msiVectors);
  const rule =
    most === 0
      ? `${device.name} has neither MSI nor MSI-X.`
      : `${device.name} can signal ${most} interrupts, not ${count}.`;
  throw refusal(most === 0 ? 'EINVAL' : 'ENOSPC', MIRRORS, rule, {
    code: most === 0 ? 'NO_MESSAGE_INTERRUPTS' : 'TOO_MANY_VECTORS',
    subject: device.subject,
    remedy: most === 0 ? 'Bind it without vectors.' : `Ask for ${most} at most.`,
  });
}

/**
 * Tells a device to send messages, and in MSI which: the table of MSI-X lies behind a base address, which is
 * not part of a machine here. Linux: msi_capability_init(), msix_capability_init().
 */
export function switchMessagesOn(device: KernelDevice, kind: InterruptKind): void {
  const { fn, interrupts } = device;
  fn.writeConfig(HEADER.command, 2, fn.readConfig(HEADER.command, 2) | NO_INTX);
  if (kind === 'MSI_X') {
    const at = fn.msiX!.offset + MSI_X_CONTROL_OFFSET;
    fn.writeConfig(at, 2, fn.readConfig(at, 2) | MSI_X_ENABLE);
    return;
  }
  const msi = fn.msi!;
  const [{ address, data }] = interrupts;
  fn.writeConfig(msi.offset + MSI_ADDRESS_OFFSET, 4, address.lo);
  if (msi.address64) fn.writeConfig(msi.offset + MSI_ADDRESS_OFFSET + 4, 4, address.hi);
  fn.writeConfig(msi.offset + msi.dataOffset, 2, data);
  const enabled = Math.ceil(Math.log2(interrupts.length)) << MSI_MULTIPLE_ENABLE_SHIFT;
  fn.writeConfig(msi.offset + MSI_CONTROL_OFFSET, 2, enabled | MSI_ENABLE);
}

/** Linux: pci_msi_shutdown(), pci_msix_shutdown(). */
export function switchMessagesOff(device: KernelDevice, kind: InterruptKind): void {
  const { fn } = device;
  const at = kind === 'MSI_X' ? fn.msiX!.offset + MSI_X_CONTROL_OFFSET : fn.msi!.offset + MSI_CONTROL_OFFSET;
  const bit = kind === 'MSI_X' ? MSI_X_ENABLE : MSI_ENABLE;
  fn.writeConfig(at, 2, fn.readConfig(at, 2) & ~bit);
  fn.writeConfig(HEADER.command, 2, fn.readConfig(HEADER.command, 2) & ~NO_INTX);
}
