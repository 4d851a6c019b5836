import type { ImportWarning } from '../description.js';
import { FirmwareInputError } from '../input-error.js';

/** A subdevice type as a listing shows it; what it does not show is left out. */
export interface ListedType {
  readonly parent: string;
  /** `<driver>-<group>`. */
  readonly id: string;
  /** 1-based; null for texts without lines. */
  readonly line: number | null;
  displayName?: string;
  deviceApi?: string;
  available?: number;
  /** Lines of a description, joined. */
  description?: string;
}

/** A subdevice that exists. */
export interface ListedSubdevice {
  readonly uuid: string;
  readonly parent: string;
  readonly type: string;
  readonly line: number | null;
}

/** Names of attributes, as sysfs, mdevctl and JSON spell them. */
const ATTRIBUTES: Readonly<Record<string, 'displayName' | 'deviceApi' | 'available' | 'description'>> = {
  name: 'displayName',
  device_api: 'deviceApi',
  'device api': 'deviceApi',
  available_instances: 'available',
  'available instances': 'available',
  description: 'description',
};

/** More than any machine shows. */
const MOST_TYPES = 16384;

/** Gathers what a listing says of types and subdevices, in any order. */
export class MdevListing {
  readonly types = new Map<string, ListedType>();
  readonly subdevices: ListedSubdevice[] = [];
  readonly warnings: ImportWarning[] = [];

  /** @param source the part the text was given as */
  constructor(private readonly source: 'mdevTypes' | 'mdevDevices') {}

  /** The type of a parent, new when it was not spoken of yet. */
  type(parent: string, id: string, line: number | null): ListedType {
    const key = `${parent} ${id}`;
    const known = this.types.get(key);
    if (known !== undefined) return known;
    this.requireRoom();
    const made: ListedType = { parent, id, line };
    this.types.set(key, made);
    return made;
  }

  /** Notes an attribute of a type; one that is not known tells nothing an import uses. */
  attribute(type: ListedType, name: string, value: string, line: number | null): void {
    const key = ATTRIBUTES[name.toLowerCase()];
    if (key === undefined) return;
    if (key === 'available') {
      if (/^\d{1,9}$/.test(value)) type.available = Number(value);
      else this.warn(line, `"${value.slice(0, 20)}" is no number of instances of ${type.id}`);
    } else if (key === 'description' && type.description !== undefined) type.description += `\n${value}`;
    else type[key] = value;
  }

  subdevice(uuid: string, parent: string, type: string, line: number | null): void {
    this.requireRoom();
    this.subdevices.push({ uuid: uuid.toLowerCase(), parent, type, line });
  }

  warn(line: number | null, message: string): void {
    this.warnings.push({ source: this.source, line, message });
  }

  private requireRoom(): void {
    if (this.types.size + this.subdevices.length < MOST_TYPES) return;
    throw new FirmwareInputError(this.source, `names more than ${MOST_TYPES} types and subdevices`);
  }
}
