/** Drivers that bring a sriov_configure() of their own, or pci_sriov_configure_simple(); as far as known. */
const CONFIGURING_DRIVERS: ReadonlySet<string> = new Set([
  ...['4xxx', 'c3xxx', 'c6xx', 'dh895xcc'],
  ...['fm10k', 'i40e', 'ice', 'igb', 'ixgbe'],
  ...[
    'be2net',
    'bnx2x',
    'bnxt_en',
    'cxgb4',
    'ena',
    'hinic',
    'hns3',
    'ionic',
    'mlx5_core',
    'nfp',
    'qede',
    'sfc',
  ],
  ...['nvme', 'pci-pf-stub', 'virtio-pci'],
]);

/** Whether a driver switches virtual functions on when asked, and off when it leaves. */
export function configuresVirtualFunctions(driver: string): boolean {
  return CONFIGURING_DRIVERS.has(driver);
}
