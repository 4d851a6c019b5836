/** Text or bytes that cannot be read as what they are said to be. Names the part and the place. */
export class FirmwareInputError extends Error {
  override readonly name = 'FirmwareInputError';
  constructor(
    /** Which part: dmar, pci, iommuGroups, iommuUnits, mdevTypes, mdevDevices, kernelLog, bundle. */
    readonly source: string,
    message: string,
  ) {
    super(message);
  }
}
