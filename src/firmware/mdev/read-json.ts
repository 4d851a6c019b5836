import type { MdevListing } from './listing.js';

type Json = Record<string, unknown>;

/** How deep objects are looked into; listings have four levels. */
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * `mdevctl types --dumpjson` and `mdevctl list --dumpjson` (an array of parents, each with an array of objects
 * with one type or UUID), one parent with its `types`, and, to be told of, `accel-config list`.
 */
export function readJson(value: unknown, listing: MdevListing): void {
  const entries = Array.isArray(value) ? value : [value];
  for (const [index, entry] of entries.entries()) {
    const place = `[${index}]`;
    if (!isObject(entry)) listing.warn(null, `${place} is no object; ignored`);
    else if (typeof entry.parent === 'string' && isObject(entry.types))
      for (const [id, attributes] of Object.entries(entry.types))
        readType(listing, entry.parent, id, attributes, `${place}.types.${id.slice(0, 40)}`);
    else if (typeof entry.dev === 'string') accelerator(listing, entry, place);
    else for (const [parent, items] of Object.entries(entry)) readParent(listing, parent, items, place);
  }
}

function readParent(listing: MdevListing, parent: string, items: unknown, at: string): void {
  const place = `${at}["${parent.slice(0, 40)}"]`;
  if (!Array.isArray(items)) {
    listing.warn(null, `${place} is no list of types or subdevices; ignored`);
    return;
  }
  for (const [index, item] of items.entries()) {
    for (const [key, attributes] of Object.entries(isObject(item) ? item : {})) {
      if (isObject(attributes) && typeof attributes.mdev_type === 'string')
        listing.subdevice(key, parent, attributes.mdev_type, null);
      else readType(listing, parent, key, attributes, `${place}[${index}]`);
    }
  }
}

function readType(
  listing: MdevListing,
  parent: string,
  id: string,
  attributes: unknown,
  place: string,
): void {
  if (!isObject(attributes)) {
    listing.warn(null, `${place} has no attributes; ignored`);
    return;
  }
  const type = listing.type(parent, id, null);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'string' || typeof value === 'number')
      listing.attribute(type, name, String(value), null);
  }
}

/** Names its accelerators by a number of the driver's, so nothing tells which function each one is. */
function accelerator(listing: MdevListing, { dev, max_work_queues: queues }: Json, place: string): void {
  const count = typeof queues === 'number' ? ` with ${queues} work queues` : '';
  listing.warn(
    null,
    `${place}: an accel-config listing of ${String(dev).slice(0, 20)}${count}: it names no PCI function, so it is not used`,
  );
}
