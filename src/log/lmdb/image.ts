/** Bytes that become more while they are written. */
export class Image {
  bytes: Uint8Array<ArrayBuffer>;
  view: DataView;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
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
    const bytes = new Uint8Array(length);
    bytes.set(this.bytes.subarray(0, length));
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}
