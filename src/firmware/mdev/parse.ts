import { FirmwareInputError } from '../input-error.js';
import { MdevListing } from './listing.js';
import { readJson } from './read-json.js';
import { readLines } from './read-lines.js';

/**
 * Types and subdevices out of any listing people make: `mdevctl types`, `mdevctl list`, sysfs through grep, the
 * capture script, lists with commas, JSON. Either part may hold both.
 * @throws FirmwareInputError for what begins as JSON and is none.
 */
export function parseMdev(text: string, source: 'mdevTypes' | 'mdevDevices'): MdevListing {
  const listing = new MdevListing(source);
  if (/^\ufeff?\s*(?:\[|\{)/.test(text)) readJson(jsonOf(text, source), listing);
  else readLines(text, listing);
  const isEmpty = listing.types.size === 0 && listing.subdevices.length === 0;
  if (isEmpty && listing.warnings.length === 0) listing.warn(null, 'names no type and no subdevice');
  return listing;
}

function jsonOf(text: string, source: string): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    const why = (error as Error).message.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 120);
    throw new FirmwareInputError(source, `begins as JSON and is none: ${why}`);
  }
}
