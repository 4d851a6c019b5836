import type { InterruptResult } from '../../hardware/interrupts.js';
import type { PageRequestOutcome } from '../../hardware/page-requests.js';
import type { DeviceInterrupt } from '../../kernel/interrupt/device-interrupt.js';
import type { KernelDevice } from '../../kernel/device/kernel-device.js';
import type { Subdevice } from '../../kernel/mdev/subdevice.js';
import { type DmaOutcome, performDma, requesterOf, sourceIdOnRequest } from '../dma.js';
import { InvalidInputError } from '../errors.js';
import { deviceOf, endpointOf } from './lookup.js';
import type { VerbTable } from './verb.js';

/** What the commands of this file give back when they succeed. */
export interface RequestResults {
  dma: DmaOutcome;
  requestPage: PageRequestOutcome;
  signalInterrupt: InterruptResult;
}

/** The commands that let a device put a request on the bus. */
export const REQUEST_VERBS: VerbTable<RequestResults> = {
  dma: (platform, command) => {
    const endpoint = endpointOf(platform, command.endpoint);
    requireModelledUnit(endpoint);
    return () => performDma(platform, endpoint, command);
  },
  requestPage: (platform, command) => {
    const endpoint = endpointOf(platform, command.endpoint);
    requireModelledUnit(endpoint);
    const { device, pasid } = requesterOf(endpoint, command.pasid);
    const unit = platform.machine.unitFor(device.fn);
    if (unit === null) throw new InvalidInputError(['input', 'endpoint'], `No unit serves ${device.name}.`);
    const sourceId = platform.machine.requesterId(device.fn);
    return () => unit.pageRequest({ ...command, sourceId, pasid });
  },
  signalInterrupt: (platform, command) => {
    const { device, requester } = command;
    const found = deviceOf(platform, device);
    const { address, data } = 'interrupt' in command ? ownMessage(found, command.interrupt) : command;
    const unit = platform.machine.unitFor(found.fn);
    if (unit === null) throw new InvalidInputError(['input', 'device'], `No unit serves ${device}.`);
    const sourceId = sourceIdOnRequest(platform, found, requester);
    return () => unit.interruptRequest(sourceId, address, data);
  },
};

/** What the driver of a device told it to write for one of its interrupts. */
function ownMessage({ name, interrupts }: KernelDevice, number: number): DeviceInterrupt {
  const found = interrupts[number] as DeviceInterrupt | undefined;
  if (found !== undefined) return found;
  const has = interrupts.length === 0 ? 'none' : `0 to ${interrupts.length - 1}`;
  throw new InvalidInputError(['input', 'interrupt'], `${name} has no interrupt ${number}; it has ${has}.`);
}

/** Requests that pass another vendor's unit would come out as that unit likes, which is not known here. */
function requireModelledUnit(endpoint: KernelDevice | Subdevice): void {
  const device = endpoint.kind === 'Device' ? endpoint : endpoint.parent;
  if (device.vendor === 'intel') return;
  throw new InvalidInputError(
    ['input', 'endpoint'],
    `Requests of ${device.name} pass a unit of ${device.vendor}, whose translation is not modelled.`,
  );
}
