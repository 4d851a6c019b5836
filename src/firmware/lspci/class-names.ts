import { classCodeName } from '../../layout/pci/class-codes.js';

const SUBCLASS_BY_NAME = new Map<string, number>();

/**
 * Class and subclass of a class name as `lspci` prints it; null for a name it never prints. The name of
 * a whole base class stands for its "other" subclass: 0x80 where a base class has subclasses, else 0.
 */
export function subclassOfName(name: string): number | null {
  if (SUBCLASS_BY_NAME.size === 0) fill();
  return SUBCLASS_BY_NAME.get(name.toLowerCase()) ?? null;
}

function fill(): void {
  for (let base = 0; base < 0x100; base++) {
    const other = base === 0 || base >= 0x12 ? 0 : 0x80;
    const subclasses = [other, ...Array(0x100).keys()];
    for (const subclass of subclasses) {
      const name = classCodeName((base << 16) | (subclass << 8)).toLowerCase();
      if (!name.startsWith('class ') && !SUBCLASS_BY_NAME.has(name)) {
        SUBCLASS_BY_NAME.set(name, (base << 8) | subclass);
      }
    }
  }
}
