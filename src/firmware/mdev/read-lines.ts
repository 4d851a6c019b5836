import { ADDRESS_PATTERN, textLines } from '../text-lines.js';
import type { ListedType, MdevListing } from './listing.js';

/** `/sys/class/mdev_bus/0000:08:01.7/mdev_supported_types/nvidia-742/name:NVIDIA A2-1B`, as grep prints. */
const SYSFS = /(?:^|\/)([^/]+)\/mdev_supported_types\/([^/:]{1,80})\/(\w+):(.*)$/;
/** The capture script: `parent 0000:00:02.0 type i915-GVTg_V5_4`, then indented attributes. */
const CAPTURED = /^parent (\S+) type (\S+)$/;
/** mdevctl types: the parent, then a type indented by two, then its attributes by four. */
const PARENT = /^([0-9a-fA-F][^\s:]*(?::\S*)?)$/;
const TYPE = /^ {2}(\S{1,80})$/;
const ATTRIBUTE = /^\s+(Available instances|Device API|Name|Description|\w{1,40}): ?(.*)$/;
/** `nvidia-105, 0000:c1:00.0, GRID V100-1Q, num_heads=4, ...`. */
const COMMAS = new RegExp(`^([^,\\s]+), (${ADDRESS_PATTERN}), ([^,]*)(?:, (.*))?$`);
const ONE_LINE = /^mdev_type: (\S+) --- /;
const UUID = '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}';
/** mdevctl list, and the capture script. */
const SUBDEVICE = new RegExp(`^(${UUID})(?: parent)? (\\S+)(?: type)? (\\S+)(?: .*)?$`);
/** What mdevctl says of attributes a device is given when it is started. */
const START_ATTRIBUTE = /^\s+(?:Attrs:|@\{\d+\}: )/;
const VENDOR_LIST = /^ID\s+: vGPU Name$/;
const VENDOR_TYPE = /^\d+\s+: \S/;

/** Reads every form in which people list types and subdevices line by line. */
export function readLines(text: string, listing: MdevListing): void {
  let parent: string | null = null;
  let type: ListedType | null = null;
  for (const { number, text: line } of textLines(text)) {
    const sysfs = SYSFS.exec(line);
    const captured = CAPTURED.exec(line);
    const commas = COMMAS.exec(line);
    const subdevice = SUBDEVICE.exec(line);
    const attribute = type === null ? null : ATTRIBUTE.exec(line);
    if (sysfs) {
      const [, name, id, attributeName, value] = sysfs;
      listing.attribute(listing.type(name, id, number), attributeName, value, number);
    } else if (captured) type = listing.type(captured[1], captured[2], number);
    else if (subdevice) listing.subdevice(subdevice[1], subdevice[2], subdevice[3], number);
    else if (commas) {
      const found = listing.type(commas[2], commas[1], number);
      listing.attribute(found, 'name', commas[3], number);
      if (commas[4] !== undefined) listing.attribute(found, 'description', commas[4], number);
    } else if (ONE_LINE.test(line)) {
      const id = ONE_LINE.exec(line)![1];
      listing.warn(number, `type ${id.slice(0, 40)} without a parent; ignored`);
    } else if (VENDOR_LIST.test(line)) {
      listing.warn(
        number,
        'a list of creatable vGPU types: its driver puts no subdevices on the mdev bus; ignored',
      );
    } else if (line === '' || START_ATTRIBUTE.test(line) || VENDOR_TYPE.test(line)) continue;
    else if (PARENT.test(line)) {
      parent = line;
      type = null;
    } else if (TYPE.test(line) && parent !== null) type = listing.type(parent, TYPE.exec(line)![1], number);
    else if (attribute && type !== null) listing.attribute(type, attribute[1], attribute[2], number);
    else listing.warn(number, `not understood: "${line.trim().slice(0, 60)}"`);
  }
}
