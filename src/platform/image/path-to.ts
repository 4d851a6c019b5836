/** How an object is reached from another: `platform.kernel.state.buses{pci}.iommuOps`. For messages. */
export function pathTo(root: object, wanted: unknown, name = 'platform'): string {
  const paths = new Map<object, string>([[root, name]]);
  for (const [object, path] of paths) {
    for (const [step, value] of stepsFrom(object)) {
      if (value === wanted) return path + step;
      if (typeof value === 'object' && value !== null && !paths.has(value)) paths.set(value, path + step);
    }
  }
  return `${name}, out of reach`;
}

function* stepsFrom(object: object): Generator<readonly [step: string, value: unknown]> {
  if (ArrayBuffer.isView(object)) return;
  if (object instanceof Map) {
    for (const [key, value] of object) {
      yield ['{key}', key];
      yield [`{${typeof key === 'object' ? '...' : String(key)}}`, value];
    }
  } else if (object instanceof Set) {
    for (const value of object) yield ['{...}', value];
  }
  const isList = Array.isArray(object);
  for (const [key, value] of Object.entries(object)) yield [isList ? `[${key}]` : `.${key}`, value];
}
