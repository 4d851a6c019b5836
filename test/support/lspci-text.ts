import { formatPciAddress } from '../../src/bits/pci-address.js';
import type { PciFunctionDescription } from '../../src/firmware/description.js';

const hex = (value: number, width: number) => value.toString(16).padStart(width, '0');

/**
 * The functions as `lspci -Dnnkxxxx` prints them. Ids in brackets come from the kernel, which knows the
 * real ones of a virtual function; the bytes below show what its configuration space answers.
 */
export function lspciText(
  functions: readonly PciFunctionDescription[],
  idsOf: (fn: PciFunctionDescription) => { vendorId: number; deviceId: number },
): string {
  return functions
    .map((fn) => [headline(fn, idsOf(fn)), ...driverLine(fn), ...hexLines(fn.config), ''].join('\n'))
    .join('\n');
}

function headline(
  fn: PciFunctionDescription,
  { vendorId, deviceId }: { vendorId: number; deviceId: number },
): string {
  const { config } = fn;
  const revision = config[8] === 0 ? '' : ` (rev ${hex(config[8], 2)})`;
  const code = hex((config[11] << 8) | config[10], 4);
  const name = `${fn.vendorName} ${fn.deviceName} [${hex(vendorId, 4)}:${hex(deviceId, 4)}]`;
  return `${formatPciAddress(fn.address)} ${fn.className} [${code}]: ${name}${revision}`;
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
