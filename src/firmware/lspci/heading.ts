import { subclassOfName } from './class-names.js';
import { vendorIdOfName } from './vendor-names.js';

/** The first line of a function, taken apart. Null where the text does not say. */
export interface LspciHeading {
  /** 24 bits; null when the class is neither numbered nor one whose name is known. */
  readonly classCode: number | null;
  readonly className: string | null;
  readonly vendorId: number | null;
  readonly deviceId: number | null;
  readonly vendorName: string | null;
  readonly deviceName: string | null;
  readonly revision: number;
}

const PROGRAMMING_INTERFACE = / \(prog-if ([0-9a-f]{2})(?: [^()]*(?:\([^()]*\))?)?\)$/;
const REVISION = / \(rev ([0-9a-f]{2})\)$/;
const IDS = /\s?\[([0-9a-f]{4}):([0-9a-f]{4})\]$/;
/** `-n`: numbers only. */
const BARE_IDS = /^(?:Device |Class )?([0-9a-f]{4}):([0-9a-f]{4})$/;
const UNNAMED_DEVICE = /^(.*?)\s?(?:Unknown device|Device)(?: ([0-9a-f]{4}))?$/;
/** Where a company's name ends: behind its legal form, and a short name in brackets. */
const LEGAL_FORM =
  /^(.*?[ ,](?:Corporation|Corp\.?|Incorporated|Inc\.?|Co\.?|Ltd\.?|Limited|LLC|GmbH|AG|Company|Technologies|Technology|Electronics|Semiconductor)(?:,? (?:Corporation|Corp\.?|Inc\.?|Co\.?,?|Ltd\.?|Limited|LLC|Group))*(?: and subsidiaries)?(?: \[[^\]]*\])?) (\S.*)$/;

/** `PCI bridge [0604]: Intel Corporation Device [8086:3c02] (rev 07) (prog-if 00 [Normal decode])`. */
export function parseHeading(heading: string): LspciHeading {
  let rest = heading.trim();
  const take = (pattern: RegExp): string[] | null => {
    const match = pattern.exec(rest);
    if (match) rest = rest.slice(0, match.index);
    return match;
  };
  const interfaceCode = parseInt(take(PROGRAMMING_INTERFACE)?.[1] ?? '0', 16);
  const revision = parseInt(take(REVISION)?.[1] ?? '0', 16);
  const colon = rest.indexOf(': ');
  const classText = colon < 0 ? rest : rest.slice(0, colon);
  rest = colon < 0 ? '' : rest.slice(colon + 2).trim();
  const ids = take(IDS);
  const numbered = ids ?? BARE_IDS.exec(rest);
  const names = numbered && !ids ? NO_NAMES : splitNames(rest);
  const { subclass, className } = parseClass(classText);
  return {
    classCode: subclass === null ? null : (subclass << 8) | interfaceCode,
    className,
    vendorId: numbered ? parseInt(numbered[1], 16) : vendorIdOfName(names.vendorName),
    deviceId: numbered ? parseInt(numbered[2], 16) : names.deviceId,
    vendorName: names.vendorName,
    deviceName: names.deviceName,
    revision,
  };
}

function parseClass(text: string): { subclass: number | null; className: string | null } {
  const numbered = /^(?:(.*) \[([0-9a-f]{4})\]|(?:Class )?([0-9a-f]{4}))$/.exec(text);
  if (!numbered) return { subclass: subclassOfName(text), className: text || null };
  return { subclass: parseInt(numbered[2] ?? numbered[3], 16), className: numbered[1] ?? null };
}

interface Names {
  readonly vendorName: string | null;
  readonly deviceName: string | null;
  readonly deviceId: number | null;
}

const NO_NAMES: Names = { vendorName: null, deviceName: null, deviceId: null };

/** Nothing marks where the vendor's name ends; without a legal form all of it counts as the device's. */
function splitNames(text: string): Names {
  const unnamed = UNNAMED_DEVICE.exec(text);
  if (unnamed) {
    const deviceId = unnamed[2] === undefined ? null : parseInt(unnamed[2], 16);
    return { vendorName: unnamed[1].replace(/:$/, '') || null, deviceName: null, deviceId };
  }
  const split = LEGAL_FORM.exec(text);
  if (split) return { vendorName: split[1], deviceName: split[2], deviceId: null };
  return { ...NO_NAMES, deviceName: text || null };
}
