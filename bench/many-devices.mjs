/** Root buses of the generated machine, each with every device number taken. */
const BUSES = [0x00, 0x3a, 0x6a, 0xb2];
const DEVICES = 32;
const CONFIG_BYTES = 256;

/** Kinds of functions, dealt out in turn: class, name of the class, ids, names, driver. */
const KINDS = [
  [0x020000, 'Ethernet controller', 0x8086, 0x1592, 'Intel Corporation', 'Ethernet Controller E810-C', 'ice'],
  [
    0x010802,
    'Non-Volatile memory controller',
    0x144d,
    0xa80a,
    'Samsung Electronics',
    'NVMe SSD PM9A1',
    'nvme',
  ],
  [0x088000, 'System peripheral', 0x8086, 0x0b25, 'Intel Corporation', 'Data Streaming Accelerator', 'idxd'],
  [0x0c0330, 'USB controller', 0x1b73, 0x1100, 'Fresco Logic', 'FL1100 USB 3.0 Host Controller', null],
];

const hex = (value, width) => value.toString(16).padStart(width, '0');

/** A machine of 128 functions as `lspci -Dnnkxxx` would print it. */
export function manyDevices() {
  const records = [];
  for (const bus of BUSES) {
    for (let device = 0; device < DEVICES; device++) {
      records.push(record(`0000:${hex(bus, 2)}:${hex(device, 2)}.0`, KINDS[device % KINDS.length]));
    }
  }
  return records.join('\n');
}

function record(address, [classCode, className, vendor, device, vendorName, deviceName, driver]) {
  const config = new Uint8Array(CONFIG_BYTES);
  const view = new DataView(config.buffer);
  view.setUint16(0x00, vendor, true);
  view.setUint16(0x02, device, true);
  view.setUint32(0x08, classCode << 8, true);
  const ids = `[${hex(vendor, 4)}:${hex(device, 4)}]`;
  return [
    `${address} ${className} [${hex(classCode >>> 8, 4)}]: ${vendorName} ${deviceName} ${ids}`,
    ...(driver === null ? [] : [`\tKernel driver in use: ${driver}`]),
    ...hexLines(config),
    '',
  ].join('\n');
}

function hexLines(config) {
  const lines = [];
  for (let offset = 0; offset < config.length; offset += 16) {
    const bytes = Array.from(config.subarray(offset, offset + 16), (byte) => hex(byte, 2));
    lines.push(`${hex(offset, 2)}: ${bytes.join(' ')}`);
  }
  return lines;
}
