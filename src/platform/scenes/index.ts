import type { Scene } from './scene.js';
import { addressZero } from './stories/address-zero.js';
import { beyond39Bits } from './stories/beyond-39-bits.js';
import { cancelledTransfer } from './stories/cancelled-transfer.js';
import { containerWithoutType } from './stories/container-without-type.js';
import { deviceKeepsTranslation } from './stories/device-keeps-translation.js';
import { domainSwitch } from './stories/domain-switch.js';
import { firmwareBuffer } from './stories/firmware-buffer.js';
import { groupNotViable } from './stories/group-not-viable.js';
import { heciPhantomFunction } from './stories/heci-phantom-function.js';
import { interruptAfterResume } from './stories/interrupt-after-resume.js';
import { interruptOfBridge } from './stories/interrupt-of-bridge.js';
import { mappingLimit } from './stories/mapping-limit.js';
import { needlessPasid } from './stories/needless-pasid.js';
import { noInstanceLeft } from './stories/no-instance-left.js';
import { parentLosesDomain } from './stories/parent-loses-domain.js';
import { physicalAddress } from './stories/physical-address.js';
import { reservedForFirmware } from './stories/reserved-for-firmware.js';
import { rootEntryGarbage } from './stories/root-entry-garbage.js';
import { stolenMemoryInGuest } from './stories/stolen-memory-in-guest.js';
import { supervisorPage } from './stories/supervisor-page.js';
import { wrongDirection } from './stories/wrong-direction.js';

export type { Ending, Scene, Step } from './scene.js';
export { type Played, playScene } from './play.js';

/** Every scene: faults first, then refusals. */
export const scenes: readonly Scene[] = [
  cancelledTransfer,
  wrongDirection,
  addressZero,
  physicalAddress,
  stolenMemoryInGuest,
  firmwareBuffer,
  heciPhantomFunction,
  domainSwitch,
  containerWithoutType,
  beyond39Bits,
  rootEntryGarbage,
  supervisorPage,
  needlessPasid,
  parentLosesDomain,
  deviceKeepsTranslation,
  interruptOfBridge,
  interruptAfterResume,
  reservedForFirmware,
  groupNotViable,
  noInstanceLeft,
  mappingLimit,
];
