import { CAPABILITY, EXTENDED_CAPABILITY } from '../../layout/pci/capability-ids.js';
import { extendedCapabilities, standardCapabilities } from '../../layout/pci/capabilities.js';
import { decodeHeader } from '../../layout/pci/header.js';
import type { LspciHeading } from './heading.js';
import type { LspciRecord } from './records.js';

/** What a configuration space was read from; a short dump is completed from the text around it. */
export type ConfigSource = 'DUMP' | 'TEXT' | 'BOTH';

interface ReadFunction {
  readonly record: LspciRecord;
  readonly heading: LspciHeading;
  readonly config: Uint8Array;
  readonly source: ConfigSource;
}

const DENIED = /Capabilities: <access denied>/;
const REGISTERS = /^\s+(?:Control|Flags|Bus|Capabilities): /;
const WITH_REGISTERS: readonly number[] = [
  EXTENDED_CAPABILITY.accessControlServices,
  EXTENDED_CAPABILITY.addressTranslationServices,
  EXTENDED_CAPABILITY.pageRequestInterface,
  EXTENDED_CAPABILITY.pasid,
  EXTENDED_CAPABILITY.singleRootIov,
];

/** What this listing could not say, a sentence each with the number of functions concerned. */
export function listingGaps(functions: readonly ReadFunction[]): string[] {
  const gaps: string[] = [];
  const say = (concerned: readonly ReadFunction[], sentence: string) => {
    if (concerned.length > 0) gaps.push(`${concerned.length} of ${functions.length} functions: ${sentence}`);
  };
  const withoutDump = functions.filter(({ source }) => source === 'TEXT');
  const bare = withoutDump.filter(isBare);
  const verbose = withoutDump.filter((fn) => !isBare(fn));
  say(
    bare,
    'listed without registers, so topology, buses behind bridges and capabilities are unknown; use lspci -vvvxxxx',
  );
  say(verbose, 'no hex dump; configuration space made from the verbose text, zero where it says nothing');
  say(
    functions.filter(({ source }) => source === 'BOTH'),
    'hex dump shorter than what the text shows; the rest is made from the text',
  );
  say(
    withoutDump.filter(({ heading }) => heading.vendorId === null || heading.deviceId === null),
    'device id not in the text (lspci without -nn): it reads as 0000, and so does a vendor whose name is not known',
  );
  say(
    withoutDump.filter(({ heading }) => heading.classCode === null),
    'class neither numbered nor known by its name; it reads as 000000',
  );
  say(
    functions.filter(
      ({ record, source }) => source === 'TEXT' && record.details.some(({ text }) => DENIED.test(text)),
    ),
    'capabilities were hidden because lspci ran without the rights to read them',
  );
  say(
    functions.filter(({ config, source }) => source === 'DUMP' && config.length === 64),
    'only 64 bytes dumped, so all capabilities are unknown',
  );
  say(
    functions.filter(({ config }) => config.length === 256 && isExpress(config)),
    'only 256 bytes dumped, so ACS, ATS, PASID and SR-IOV capabilities are unknown',
  );
  say(
    verbose.filter(hasTitlesOnly),
    'capabilities named without their registers (lspci -v); they read as zero',
  );
  say(
    functions.filter(
      ({ config }) => config[0] === 0xff && config[1] === 0xff && decodeHeader(config).command === 0xffff,
    ),
    'configuration space reads as ones, as of a function that is gone or asleep',
  );
  return gaps;
}

function isBare({ record }: ReadFunction): boolean {
  return !record.details.some(({ text }) => REGISTERS.test(text));
}

function isExpress(config: Uint8Array): boolean {
  return standardCapabilities(config).some(({ id }) => id === CAPABILITY.express);
}

function hasTitlesOnly({ record, config }: ReadFunction): boolean {
  const matters = extendedCapabilities(config).some(({ id }) => WITH_REGISTERS.includes(id));
  return matters && !record.details.some(({ text }) => /(?:ACS|ATS|PASID|IOV)Cap:|PRICtl:/.test(text));
}
