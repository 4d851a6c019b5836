/**
 * Reads 1, 2 or 4 bytes of a configuration space, little-endian.
 *
 * Bytes that were never read from the machine come back as ones, as an access nobody claims does on the
 * bus; software takes that for "nothing there".
 */
export function readConfigSpace(config: Uint8Array, offset: number, bytes: 1 | 2 | 4): number {
  if (offset < 0 || offset + bytes > config.length)
    return bytes === 4 ? 0xffffffff : bytes === 2 ? 0xffff : 0xff;
  if (bytes === 1) return config[offset];
  if (bytes === 2) return config[offset] | (config[offset + 1] << 8);
  return (
    (config[offset] | (config[offset + 1] << 8) | (config[offset + 2] << 16) | (config[offset + 3] << 24)) >>>
    0
  );
}

/** Stores 1, 2 or 4 bytes, little-endian; bytes past the end are dropped, as on the bus. */
export function writeConfigSpace(config: Uint8Array, offset: number, bytes: 1 | 2 | 4, value: number): void {
  for (let i = 0; i < bytes; i++) {
    if (offset + i >= 0 && offset + i < config.length) config[offset + i] = (value >>> (8 * i)) & 0xff;
  }
}
