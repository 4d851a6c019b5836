/**
 * Plain data as text that is the same whenever the data is: fields in order of name, absent ones left out,
 * bytes in hexadecimal. For comparing and hashing, not for reading back.
 */
export function canonical(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value !== 'object') return JSON.stringify(value);
  if (ArrayBuffer.isView(value)) {
    return `<${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}>`;
  }
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`);
  return `{${fields.join()}}`;
}
