import { ConfigSpaceBuilder } from '../pci-config/builder.js';
import type { HeaderPart } from '../pci-config/header.js';
import type { CapabilityText } from './capability-text.js';
import { capabilityTexts, flagIn, numberIn } from './capability-text.js';
import { expressPart } from './express-text.js';
import { EXTENDED_ADDERS } from './extended-text.js';
import type { LspciHeading } from './heading.js';
import { plainCapabilityId } from './plain-capabilities.js';
import type { LspciRecord } from './records.js';
import { baseAddressesOf } from './regions.js';

interface Finding {
  readonly line: number;
  readonly message: string;
}

export interface Synthesis {
  readonly config: Uint8Array;
  readonly findings: readonly Finding[];
}

const BUSES = /\bBus: primary=([0-9a-f]{2}), secondary=([0-9a-f]{2}), subordinate=([0-9a-f]{2})/;
const SUBSYSTEM = /^\s+Subsystem: .*?\[?([0-9a-f]{4}):([0-9a-f]{4})\]?$/;
const INTERRUPT_PIN = /\bInterrupt: pin ([A-D])\b/;
/** Command register bits from the lowest up, as the `Control:` line names them. */
const COMMAND_FLAGS: readonly string[] = [
  'I/O',
  'Mem',
  'BusMaster',
  'SpecCycle',
  'MemWINV',
  'VGASnoop',
  'ParErr',
  'Stepping',
  'SERR',
  'FastB2B',
  'DisINTx',
];
const PCI_BRIDGE = 0x0604;
const CARDBUS_BRIDGE = 0x0607;
/** Id and next pointer; header of an extended capability. */
const PRESENCE_ONLY = { conventional: 4, extended: 8 } as const;

/** A configuration space that says what the verbose text says, and zero where that says nothing. */
export function synthesize(record: LspciRecord, heading: LspciHeading): Synthesis {
  const findings: Finding[] = [];
  const builder = new ConfigSpaceBuilder(headerPart(record, heading));
  const taken = new Set<number>();
  for (const capability of capabilityTexts(record)) {
    const { line, offset, title } = capability;
    if (offset < 0x40 || offset % 4 !== 0 || taken.has(offset)) {
      const place = `0x${offset.toString(16)}`;
      findings.push({ line, message: `capability "${title.slice(0, 40)}" cannot be at ${place}; ignored` });
      continue;
    }
    taken.add(offset);
    if (offset >= 0x100) addExtended(builder, capability);
    else addConventional(builder, capability, findings);
  }
  return { config: builder.build('clip'), findings };
}

function headerPart({ details, ...record }: LspciRecord, heading: LspciHeading): HeaderPart {
  const find = (pattern: RegExp) => {
    for (const { text } of details) {
      const match = pattern.exec(text);
      if (match) return match;
    }
    return null;
  };
  const buses = find(BUSES)
    ?.slice(1, 4)
    .map((bus) => parseInt(bus, 16));
  const control = details.find(({ text }) => /^\s+Control: /.test(text))?.text ?? '';
  const subclass = (heading.classCode ?? 0) >>> 8;
  const isBridge = buses !== undefined || subclass === PCI_BRIDGE || subclass === CARDBUS_BRIDGE;
  const [primary, secondary, subordinate] = buses ?? [record.address.bus, 0, 0];
  const subsystem = find(SUBSYSTEM);
  return {
    vendorId: heading.vendorId ?? 0,
    deviceId: heading.deviceId ?? 0,
    classCode: heading.classCode ?? 0,
    revision: heading.revision,
    command: COMMAND_FLAGS.reduce((bits, name, bit) => bits | (flagIn(control, name) ? 1 << bit : 0), 0),
    subsystemVendorId: parseInt(subsystem?.[1] ?? '0', 16),
    subsystemId: parseInt(subsystem?.[2] ?? '0', 16),
    baseAddresses: baseAddressesOf({ details, ...record }),
    interruptPin: 'ABCD'.indexOf(find(INTERRUPT_PIN)?.[1] ?? '-') + 1,
    bridge: isBridge ? { primary, secondary, subordinate, cardBus: subclass === CARDBUS_BRIDGE } : undefined,
  };
}

function addConventional(builder: ConfigSpaceBuilder, capability: CapabilityText, findings: Finding[]): void {
  const { title, offset, line } = capability;
  if (title.startsWith('Express')) {
    const part = expressPart(capability);
    if (part) builder.express(part, offset);
    else findings.push({ line, message: `"${title.slice(0, 60)}" is no port type that is known; ignored` });
  } else if (title.startsWith('MSI-X:')) {
    const tableBar = numberIn(capability.body, 'Vector table: BAR=', 10) ?? 0;
    const vectors = Math.max(1, numberIn(title, 'Count=', 10) ?? 1);
    const enabled = flagIn(title, 'Enable') ?? false;
    builder.msix(
      { vectors, enabled, masked: flagIn(title, 'Masked') ?? false, tableBar: tableBar & 7 },
      offset,
    );
  } else if (title.startsWith('MSI:')) {
    builder.msi(
      {
        enabled: flagIn(title, 'Enable') ?? false,
        vectors: Number(/Count=\d{1,2}\/(\d{1,2})/.exec(title)?.[1] ?? 1),
        maskable: flagIn(title, 'Maskable') ?? false,
        address64: flagIn(title, '64bit') ?? false,
      },
      offset,
    );
  } else {
    const id = plainCapabilityId(title, false);
    if (id !== null) builder.capability(id, new Uint8Array(PRESENCE_ONLY.conventional), offset);
  }
}

function addExtended(builder: ConfigSpaceBuilder, capability: CapabilityText): void {
  const { title, offset, version } = capability;
  const adder = EXTENDED_ADDERS.find(([name]) => title.startsWith(name))?.[1];
  if (adder) return adder(builder, capability);
  const id = plainCapabilityId(title, true);
  if (id !== null) {
    builder.extendedCapability(id, new Uint8Array(PRESENCE_ONLY.extended), offset, version & 15);
  }
}
