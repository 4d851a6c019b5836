import { amdInit } from './amd/init.js';
import { intelInit, findUnits } from './intel/boot.js';
import { setUpInterruptRemapping } from './intel/interrupt-remapping.js';
import { absentStructureLines, dmarTableLines } from './log/boot-lines.js';
import { registerParent } from './mdev/parent.js';
import { offersTypes } from './mdev/types.js';
import { interruptOptions } from './profile/interrupt-options.js';
import type { KernelState } from './state.js';
import type { Steps } from './steps.js';

/** Narrowest host address width the kernel believes. */
const NARROWEST_WIDTH = 12;

/**
 * Boots: command line, DMAR table, default domain type, the driver, then device drivers.
 * Linux: the early parameters, dmar_table_init(), iommu_subsys_init(), intel_iommu_init().
 */
export function* boot(state: KernelState): Steps<void> {
  if (state.booted) throw new RangeError('a kernel boots once');
  state.booted = true;
  for (const line of state.parameters.lines) state.log.print(line);
  for (const device of state.devices.values()) state.changed('DEVICE_ADDED', device.subject);
  const { off } = interruptOptions(state.config.commandLine);
  // Interrupt remapping is set up early and needs the table; without it the table is read by the driver.
  let usable = off === null && readTable(state);
  if (usable) state.interruptRemapping = yield* setUpInterruptRemapping(state);
  printDefaultDomain(state);
  if (off !== null) {
    usable = readTable(state);
    state.interruptRemapping = yield* setUpInterruptRemapping(state);
  }
  amdInit(state);
  if (usable && state.parameters.remapping && !state.parameters.noIommu) {
    for (const line of absentStructureLines(state.dmar!, state.profile.name)) state.log.print(line);
    yield* intelInit(state);
  }
  for (const [device, driver] of state.initialDrivers) {
    device.driver = driver;
    state.changed('DRIVER_BOUND', device.subject);
    if (offersTypes(device)) registerParent(state, device);
  }
  for (const parent of state.softwareParents.values()) registerParent(state, parent);
  state.changed('PLATFORM_BOOTED', null);
}

/** False when there is no table the kernel would use. */
function readTable(state: KernelState): boolean {
  const { dmar } = state;
  if (dmar === null) return false;
  const isReadable = dmar.hostAddressWidth >= NARROWEST_WIDTH;
  if (isReadable) findUnits(state);
  for (const line of dmarTableLines(dmar, state.units, state.profile.name)) state.log.print(line);
  if (!isReadable) state.log.print('DMAR: Parse DMAR table failure.');
  else if (!dmar.structures.some(({ kind }) => kind === 'DRHD'))
    state.log.print('DMAR: No DMAR devices found');
  return isReadable && state.units.length > 0;
}

/** Linux: iommu_subsys_init(). */
function printDefaultDomain(state: KernelState): void {
  const { passthrough, passthroughFromCommandLine, strict, strictFromCommandLine } = state.parameters;
  const source = (fromCommandLine: boolean) => (fromCommandLine ? '(set via kernel command line)' : '');
  const type = passthrough ? 'Passthrough' : 'Translated';
  state.log.print(`iommu: Default domain type: ${type} ${source(passthroughFromCommandLine)}`);
  if (!state.profile.printsInvalidationPolicy || passthrough) return;
  const mode = strict ? 'strict' : 'lazy';
  state.log.print(`iommu: DMA domain TLB invalidation policy: ${mode} mode ${source(strictFromCommandLine)}`);
}
