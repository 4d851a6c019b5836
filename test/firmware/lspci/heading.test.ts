import { parseHeading } from '../../../src/firmware/lspci/heading.js';

const read = (text: string) => {
  const { classCode, className, vendorId, deviceId, vendorName, deviceName, revision } = parseHeading(text);
  const hex = (value: number | null, width: number) => value?.toString(16).padStart(width, '0') ?? null;
  return [hex(classCode, 6), className, hex(vendorId, 4), hex(deviceId, 4), vendorName, deviceName, revision];
};

describe('first line of a function', () => {
  it.each([
    [
      'VGA compatible controller [0300]: Intel Corporation HD Graphics 520 [8086:1916] (rev 07) (prog-if 00 [VGA controller])',
      ['030000', 'VGA compatible controller', '8086', '1916', 'Intel Corporation', 'HD Graphics 520', 7],
    ],
    [
      'USB controller: Intel Corporation Sunrise Point-LP USB 3.0 xHCI Controller (rev 21) (prog-if 30 [XHCI])',
      [
        '0c0330',
        'USB controller',
        '8086',
        null,
        'Intel Corporation',
        'Sunrise Point-LP USB 3.0 xHCI Controller',
        0x21,
      ],
    ],
    [
      'Host bridge: Intel Corporation Device a700 (rev 01)',
      ['060000', 'Host bridge', '8086', 'a700', 'Intel Corporation', null, 1],
    ],
    ['Class 0880: Device 8086:0b25', ['088000', null, '8086', '0b25', null, null, 0]],
    ['0604: 8086:9d10 (rev f1)', ['060400', null, '8086', '9d10', null, null, 0xf1]],
    [
      'VGA compatible controller [0300]: Device [1234:1111] (rev 02)',
      ['030000', 'VGA compatible controller', '1234', '1111', null, null, 2],
    ],
    [
      'Non-Volatile memory controller: Samsung Electronics Co Ltd NVMe SSD Controller SM981 (prog-if 02 [NVM Express])',
      [
        '010802',
        'Non-Volatile memory controller',
        '144d',
        null,
        'Samsung Electronics Co Ltd',
        'NVMe SSD Controller SM981',
        0,
      ],
    ],
    [
      'PCI bridge: Advanced Micro Devices, Inc. [AMD] Renoir PCIe GPP Bridge (prog-if 00 [Normal decode])',
      [
        '060400',
        'PCI bridge',
        '1022',
        null,
        'Advanced Micro Devices, Inc. [AMD]',
        'Renoir PCIe GPP Bridge',
        0,
      ],
    ],
    [
      'Co-processor: IBM: Unknown device 00e0 (rev 01)',
      ['0b4000', 'Co-processor', null, '00e0', 'IBM', null, 1],
    ],
    [
      'PCI bridge: Texas Instruments XIO3130 Switch',
      ['060400', 'PCI bridge', null, null, null, 'Texas Instruments XIO3130 Switch', 0],
    ],
    ['Flux capacitor: Acme Corp. Mark II', [null, 'Flux capacitor', null, null, 'Acme Corp.', 'Mark II', 0]],
    ['', [null, null, null, null, null, null, 0]],
  ])('%s', (text, expected) => expect(read(text)).toEqual(expected));
});
