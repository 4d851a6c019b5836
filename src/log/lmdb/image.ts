/** Bytes that become more while they are written. */
export class Image {
  bytes: Uint8Array<ArrayBuffer>;
  view: DataView;

  constructor(length: number) {
    this.bytes = memory(length);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Makes sure that there are so many; those before stay. */
  reserve(length: number): void {
    if (length > this.bytes.byteLength) this.resize(Math.max(length, 2 * this.bytes.byteLength));
  }

  /** Lets go of what is more; what stays may be anything. */
  shrink(most: number): void {
    if (this.bytes.byteLength > most) this.resize(most);
  }

  private resize(length: number): void {
    const bytes = memory(length);
    bytes.set(this.bytes.subarray(0, length));
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}

/** Not among the types of Node 20. */
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
};
const WASM_PAGE = 64 * 1024;

/**
 * Zeros that begin where a page of the machine does, as is asked of what is written past the system's cache; they begin
 * anywhere when there is no such memory.
 */
export function memory(length: number): Uint8Array<ArrayBuffer> {
  try {
    // Of no other memory is it known. It reserves gigabytes of addresses, of which a process may be given few.
    const { buffer } = new WebAssembly.Memory({ initial: Math.ceil(length / WASM_PAGE) });
    return new Uint8Array(buffer, 0, length);
  } catch {
    return new Uint8Array(length);
  }
}
