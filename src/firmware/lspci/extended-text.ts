import { ACS_NAMES } from '../../layout/pci/acs.js';
import type { ConfigSpaceBuilder } from '../pci-config/builder.js';
import type { CapabilityText } from './capability-text.js';
import { flagIn, numberIn, partOf } from './capability-text.js';

const acsBits = (text: string) =>
  ACS_NAMES.reduce((bits, [bit, name]) => (flagIn(text, name) ? bits | bit : bits), 0);

const DVSEC = /^Designated Vendor-Specific: Vendor=([0-9a-f]{4}) ID=([0-9a-f]{4}) Rev=(\d+) Len=(\d+)/;
const SIOV = { vendorId: 0x8086, id: 5 };

type Adder = (builder: ConfigSpaceBuilder, capability: CapabilityText) => void;

/**
 * Extended capabilities whose registers matter to remapping, by the beginning of their title. Numbers are
 * hexadecimal where `lspci` prints them so without saying: PASID width, ATS and PRI fields.
 */
export const EXTENDED_ADDERS: readonly (readonly [string, Adder])[] = [
  [
    'Access Control Services',
    (builder, { body, offset }) => {
      const capability = acsBits(partOf(body, 'ACSCap:', 'ACSCtl:'));
      builder.acs({ capability, control: acsBits(partOf(body, 'ACSCtl:', '\0')) }, offset);
    },
  ],
  [
    'Alternative Routing-ID Interpretation',
    (builder, { body, offset }) => {
      const functionGroupsAcs = flagIn(partOf(body, 'ARICap:', 'ARICtl:'), 'ACS') ?? false;
      builder.ari({ nextFunction: numberIn(body, 'Next Function:', 10) ?? 0, functionGroupsAcs }, offset);
    },
  ],
  [
    'Address Translation Service',
    (builder, { body, offset }) => {
      const control = partOf(body, 'ATSCtl:', '\0');
      builder.ats(
        {
          queueDepth: numberIn(body, 'Invalidate Queue Depth:', 16) ?? 0,
          // Not shown; Linux switches ATS on under VT-d only where it is set. Linux: pci_ats_page_aligned().
          pageAlignedRequest: true,
          enabled: flagIn(control, 'Enable') ?? false,
          smallestTranslationUnit: numberIn(control, 'Smallest Translation Unit:', 16) ?? 0,
        },
        offset,
      );
    },
  ],
  [
    'Page Request Interface',
    (builder, { body, offset }) => {
      const status = partOf(body, 'PRISta:', 'Page Request');
      builder.pri(
        {
          enabled: flagIn(partOf(body, 'PRICtl:', 'PRISta:'), 'Enable') ?? false,
          responseFailure: flagIn(status, 'RF') ?? false,
          unexpectedGroupIndex: flagIn(status, 'UPRGI') ?? false,
          stopped: flagIn(status, 'Stopped') ?? false,
          responsePasidRequired: flagIn(status, 'PASID') ?? false,
          maxRequests: numberIn(body, 'Page Request Capacity:', 16) ?? 0,
          allowedRequests: numberIn(body, 'Page Request Allocation:', 16) ?? 0,
        },
        offset,
      );
    },
  ],
  [
    'Process Address Space ID',
    (builder, { body, offset }) => {
      const [supported, control] = [partOf(body, 'PASIDCap:', 'PASIDCtl:'), partOf(body, 'PASIDCtl:', '\0')];
      builder.pasid(
        {
          maxWidth: numberIn(supported, 'Max PASID Width:', 16) ?? 0,
          executeSupported: flagIn(supported, 'Exec') ?? false,
          privilegedSupported: flagIn(supported, 'Priv') ?? false,
          enabled: flagIn(control, 'Enable') ?? false,
          executeEnabled: flagIn(control, 'Exec') ?? false,
          privilegedEnabled: flagIn(control, 'Priv') ?? false,
        },
        offset,
      );
    },
  ],
  [
    'Single Root I/O Virtualization',
    (builder, { body, offset }) => {
      const control = partOf(body, 'IOVCtl:', 'IOVSta:');
      builder.sriov(
        {
          vfEnabled: flagIn(control, 'Enable') ?? false,
          memoryEnabled: flagIn(control, 'MSE') ?? false,
          ariCapableHierarchy: flagIn(control, 'ARIHierarchy') ?? false,
          initialVfs: numberIn(body, 'Initial VFs:', 10) ?? 0,
          totalVfs: numberIn(body, 'Total VFs:', 10) ?? 0,
          numVfs: numberIn(body, 'Number of VFs:', 10) ?? 0,
          dependencyLink: numberIn(body, 'Function Dependency Link:', 16) ?? 0,
          firstOffset: numberIn(body, 'VF offset:', 10) ?? 0,
          stride: numberIn(body, 'stride:', 10) ?? 0,
          vfDeviceId: numberIn(body, 'Device ID:', 16) ?? 0,
          supportedPageSizes: numberIn(body, 'Supported Page Size:', 16) ?? 0,
          systemPageSize: numberIn(body, 'System Page Size:', 16) ?? 0,
        },
        offset,
      );
    },
  ],
  [
    'Designated Vendor-Specific',
    (builder, { title, offset }) => {
      const match = DVSEC.exec(title);
      const [vendorId, id] = [parseInt(match?.[1] ?? '0', 16), parseInt(match?.[2] ?? '0', 16)];
      if (vendorId === SIOV.vendorId && id === SIOV.id) builder.siov({}, offset);
      else builder.dvsec({ vendorId, id, revision: Number(match?.[3] ?? 0) & 15 }, offset);
    },
  ],
];
