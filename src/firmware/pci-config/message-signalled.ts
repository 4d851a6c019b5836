/** Message-signalled interrupts. PCI Local Bus 6.8 "Message Signaled Interrupts". */
export interface MsiPart {
  readonly enabled?: boolean;
  /** Vectors the function can use: 1, 2, 4 ... 32. */
  readonly vectors?: number;
  readonly address64?: boolean;
  readonly maskable?: boolean;
}

export interface MsixPart {
  readonly enabled?: boolean;
  readonly masked?: boolean;
  /** 1 to 2048. */
  readonly vectors: number;
  /** Base address register with the table, and the table's offset in it. */
  readonly tableBar?: number;
  readonly tableOffset?: number;
  readonly pendingBar?: number;
  readonly pendingOffset?: number;
}

export function msiBody(part: MsiPart): Uint8Array {
  const bytes = new Uint8Array(10 + (part.address64 ? 4 : 0) + (part.maskable ? 10 : 0));
  const vectorsLg2 = Math.min(5, Math.max(0, 31 - Math.clz32(part.vectors ?? 1)));
  const control =
    (part.enabled ? 1 : 0) | (vectorsLg2 << 1) | (part.address64 ? 0x80 : 0) | (part.maskable ? 0x100 : 0);
  new DataView(bytes.buffer).setUint16(2, control, true);
  return bytes;
}

export function msixBody(part: MsixPart): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  const control = ((part.vectors - 1) & 0x7ff) | (part.masked ? 0x4000 : 0) | (part.enabled ? 0x8000 : 0);
  view.setUint16(2, control, true);
  view.setUint32(4, ((part.tableOffset ?? 0) & ~7) | (part.tableBar ?? 0), true);
  view.setUint32(8, ((part.pendingOffset ?? 0) & ~7) | (part.pendingBar ?? 0), true);
  return bytes;
}
