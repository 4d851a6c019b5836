import { formatPciAddress } from '../../src/bits/pci-address.js';
import type { PciFunctionDescription } from '../../src/firmware/description.js';

const hex = (value: number, width: number) => value.toString(16).padStart(width, '0');

/**
 * The functions as `lspci -Dnnkxxxx` prints them. The bytes of a virtual function begin with ones, as its
 * registers read; the ids in brackets come from the kernel, which knows better.
 */
export function lspciText(functions: readonly PciFunctionDescription[]): string {
  return functions
    .map((fn) => [headline(fn), ...driverLine(fn), ...hexLines(registersOf(fn)), ''].join('\n'))
    .join('\n');
}

function registersOf({ config, physicalFunction }: PciFunctionDescription): Uint8Array {
  return physicalFunction === null ? config : config.slice().fill(0xff, 0, 4);
}

function headline(fn: PciFunctionDescription): string {
  const { config } = fn;
  const word = (offset: number) => hex((config[offset + 1] << 8) | config[offset], 4);
  const revision = config[8] === 0 ? '' : ` (rev ${hex(config[8], 2)})`;
  const name = `${fn.vendorName} ${fn.deviceName} [${word(0)}:${word(2)}]`;
  return `${formatPciAddress(fn.address)} ${fn.className} [${word(10)}]: ${name}${revision}`;
}

function driverLine(fn: PciFunctionDescription): string[] {
  return fn.driver === null ? [] : [`\tKernel driver in use: ${fn.driver}`];
}

function hexLines(config: Uint8Array): string[] {
  const lines: string[] = [];
  for (let offset = 0; offset < config.length; offset += 16) {
    const bytes = Array.from(config.subarray(offset, offset + 16), (byte) => hex(byte, 2));
    lines.push(`${hex(offset, 2)}: ${bytes.join(' ')}`);
  }
  return lines;
}
