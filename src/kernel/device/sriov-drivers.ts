import { isSwitchOn, moduleParameter } from '../profile/module-parameters.js';

/**
 * Drivers that bring a sriov_configure() of their own, or pci_sriov_configure_simple(), among those a machine
 * with x86 remapping hardware can have in any of the profiles. Linux: struct pci_driver.
 */
const CONFIGURING_DRIVERS: ReadonlySet<string> = new Set([
  // Crypto and accelerators.
  ...['4xxx', 'c3xxx', 'c6xx', 'dfl-pci', 'dh895xcc', 'genwqe', 'n5pf'],
  // Network, by the folder of the vendor.
  ...['ena', 'bnx2x', 'bnxt_en', 'LiquidIO', 'cxgb4', 'be2net', 'funeth', 'hns3', 'hinic'],
  ...['fm10k', 'i40e', 'ice', 'igb', 'ixgbe', 'mlx5_core', 'nfp', 'ionic', 'qede', 'qlcnic', 'sfc'],
  ...['nvme', 'pci-pf-stub', 'vfio-pci', 'virtio-pci'],
]);

/** Whether a driver switches virtual functions on when asked, and off when it leaves. */
export function configuresVirtualFunctions(driver: string): boolean {
  return CONFIGURING_DRIVERS.has(driver);
}

/** Whether vfio-pci does, which it is told when it is loaded. Linux: vfio_pci_sriov_configure(). */
export function vfioConfiguresVirtualFunctions(commandLine: string): boolean {
  return isSwitchOn(moduleParameter(commandLine, 'vfio_pci', 'enable_sriov'));
}
