import { formatPciAddress } from '../../../src/bits/pci-address.js';
import type { PciFunctionDescription } from '../../../src/firmware/description.js';
import { parseLspci } from '../../../src/firmware/lspci/parse.js';
import { decodeAcs } from '../../../src/layout/pci/acs.js';
import { decodeAts } from '../../../src/layout/pci/ats.js';
import { CAPABILITY, EXTENDED_CAPABILITY } from '../../../src/layout/pci/capability-ids.js';
import { extendedCapabilities, standardCapabilities } from '../../../src/layout/pci/capabilities.js';
import { decodeExpress } from '../../../src/layout/pci/express.js';
import type { ExpressCapability } from '../../../src/layout/pci/express.js';
import { decodeHeader } from '../../../src/layout/pci/header.js';
import { decodePasid } from '../../../src/layout/pci/pasid.js';
import { decodePri } from '../../../src/layout/pci/pri.js';
import { decodeSriov } from '../../../src/layout/pci/sriov.js';
import { describeRealData, filesBelow, has, manifest, readText } from '../support/real-data.js';

const orNone = (paths: string[]) => (paths.length > 0 ? paths : ['(none)']);

/** One line per function as sysfs has it: `address key=value key=value ...`. */
function sysfsFunctions(path: string): Map<string, Record<string, string>> {
  return new Map(
    readText(path)
      .trim()
      .split('\n')
      .map((line) => {
        const [address, ...pairs] = line.trim().split(' ');
        return [address, Object.fromEntries(pairs.map((pair) => pair.split('=')))];
      }),
  );
}

/** ARI forwarding is printed of ports only. */
function printed(express: ExpressCapability): ExpressCapability {
  const isPort = express.portType === 'ROOT_PORT' || express.portType === 'DOWNSTREAM_PORT';
  return { ...express, ariForwarding: isPort && express.ariForwarding };
}

type Readable = Record<string, Record<string, unknown> | null>;

/** Everything remapping cares about that verbose text shows too. */
function readable({ config }: PciFunctionDescription): unknown {
  const find = (id: number) => extendedCapabilities(config).find((capability) => capability.id === id);
  const decoded = <T>(id: number, decode: (config: Uint8Array, offset: number) => T) => {
    const entry = find(id);
    return entry ? decode(config, entry.offset) : null;
  };
  const express = standardCapabilities(config).find(({ id }) => id === CAPABILITY.express);
  const { status: _status, multifunctionBit: _multi, ...header } = decodeHeader(config);
  const ats = decoded(EXTENDED_CAPABILITY.addressTranslationServices, decodeAts);
  return {
    header,
    primaryBus: header.kind === 'BRIDGE' ? config[0x18] : null,
    interruptPin: config[0x3d],
    baseAddresses: [...config.subarray(0x10, header.kind === 'BRIDGE' ? 0x18 : 0x28)],
    standard: standardCapabilities(config),
    express: express ? printed(decodeExpress(config, express.offset)) : null,
    acs: decoded(EXTENDED_CAPABILITY.accessControlServices, decodeAcs),
    // Neither is printed.
    ats: ats && { ...ats, pageAlignedRequest: null, globalInvalidate: null },
    pri: decoded(EXTENDED_CAPABILITY.pageRequestInterface, decodePri),
    pasid: decoded(EXTENDED_CAPABILITY.pasid, decodePasid),
    sriov: decoded(EXTENDED_CAPABILITY.singleRootIov, decodeSriov),
  };
}

const captures = filesBelow('qemu-linux', /^pci_devices\.txt$/).map((path) => path.replace(/\/[^/]*$/, ''));
const dumped = captures.filter((path) => has(`${path}/lspci-xxxx.txt`));

describeRealData('hex dumps', () => {
  it.each(orNone(dumped))('%s: ids, class and physical functions are those of sysfs', (path) => {
    const expected = sysfsFunctions(`${path}/pci_devices.txt`);
    const { functions, warnings } = parseLspci(readText(`${path}/lspci-xxxx.txt`));
    expect(warnings).toEqual([]);
    expect(functions.map(({ address }) => formatPciAddress(address))).toEqual([...expected.keys()]);
    for (const { address, config, physicalFunction } of functions) {
      const facts = expected.get(formatPciAddress(address)) as Record<string, string>;
      const header = decodeHeader(config);
      expect({
        vendor: header.vendorId,
        device: header.deviceId,
        class: header.classCode,
        rev: header.revision,
        physfn: physicalFunction ? formatPciAddress(physicalFunction) : '',
      }).toEqual({
        vendor: Number(facts.vendor),
        device: Number(facts.device),
        class: Number(facts.class),
        rev: Number(facts.rev),
        physfn: facts.physfn,
      });
    }
  });
});

describeRealData('verbose text with numbers', () => {
  it.each(orNone(dumped))('%s: reads as the hex dump of the same machine', (path) => {
    const verbose = parseLspci(readText(`${path}/lspci-vvvnn.txt`)).functions;
    const dump = parseLspci(readText(`${path}/lspci-xxxx.txt`)).functions;
    expect(verbose.map(({ address }) => formatPciAddress(address))).toEqual(
      dump.map(({ address }) => formatPciAddress(address)),
    );
    verbose.forEach((fn, index) => {
      expect({ at: formatPciAddress(fn.address), ...(readable(fn) as object) }).toEqual({
        at: formatPciAddress(fn.address),
        ...(readable(dump[index]) as object),
      });
    });
  });

  it.each(orNone(dumped))('%s: devices with several functions are those whose function 0 says so', (path) => {
    const multi = (file: string) =>
      parseLspci(readText(`${path}/${file}`))
        .functions.filter(
          ({ address, config }) => address.function === 0 && decodeHeader(config).multifunctionBit,
        )
        .map(({ address }) => formatPciAddress(address));
    expect(multi('lspci-vvvnn.txt')).toEqual(multi('lspci-xxxx.txt'));
  });

  it.each(orNone(dumped))('%s: drivers and physical functions are those of sysfs', (path) => {
    const expected = sysfsFunctions(`${path}/pci_devices.txt`);
    const { functions } = parseLspci(readText(`${path}/lspci-vvvnn.txt`));
    for (const { address, driver, physicalFunction } of functions) {
      const facts = expected.get(formatPciAddress(address)) as Record<string, string>;
      expect([driver ?? '', physicalFunction ? formatPciAddress(physicalFunction) : '']).toEqual([
        facts.driver,
        facts.physfn,
      ]);
    }
  });

  it.each(orNone(dumped))('%s: groups are those of sysfs', (path) => {
    const expected = [...sysfsFunctions(`${path}/pci_devices.txt`)]
      .filter(([, { group }]) => group !== '')
      .map(([address, { group }]) => `${address} ${group}`);
    const { groups } = parseLspci(readText(`${path}/lspci-vvvnn.txt`));
    const members = groups.flatMap(({ number, members: list }) =>
      list.map((address) => `${formatPciAddress(address)} ${number}`),
    );
    expect(members.sort()).toEqual(expected);
  });
});

describeRealData('plain lists', () => {
  it.each(orNone(captures.filter((path) => has(`${path}/lspci-nnk.txt`))))(
    '%s: ids are those of sysfs',
    (path) => {
      const expected = sysfsFunctions(`${path}/pci_devices.txt`);
      const { functions, warnings } = parseLspci(readText(`${path}/lspci-nnk.txt`));
      expect(warnings.map(({ message }) => message).join()).toContain('topology');
      for (const { address, config, driver } of functions) {
        const facts = expected.get(formatPciAddress(address)) as Record<string, string>;
        const { vendorId, deviceId, classCode } = decodeHeader(config);
        expect([vendorId, deviceId, classCode >>> 8, driver ?? '']).toEqual([
          Number(facts.vendor),
          Number(facts.device),
          Number(facts.class) >>> 8,
          facts.driver,
        ]);
      }
    },
  );
});

describeRealData('listings people posted', () => {
  const facts = manifest('topology');
  const listings = filesBelow('topology', /\.lspci\.txt$/).map((path) => path.split('/')[1]);
  const CAPABILITIES: readonly [string, number][] = [
    ['ACS', EXTENDED_CAPABILITY.accessControlServices],
    ['ATS', EXTENDED_CAPABILITY.addressTranslationServices],
    ['PASID', EXTENDED_CAPABILITY.pasid],
    ['PRI', EXTENDED_CAPABILITY.pageRequestInterface],
    ['SR-IOV', EXTENDED_CAPABILITY.singleRootIov],
  ];

  it.each(orNone(listings))('%s has the functions and capabilities the manifest counts', (file) => {
    const fact = facts.get(file) as string;
    const { functions, warnings } = parseLspci(readText(`topology/${file}`));
    expect(functions).toHaveLength(Number(/(\d+) functions/.exec(fact)?.[1]));
    if (fact.includes('capabilities present on')) {
      const counted = CAPABILITIES.map(([name, id]) => {
        const holders = functions.filter(({ config }) =>
          extendedCapabilities(config).some((capability) => capability.id === id),
        );
        return `${name} ${holders.length}`;
      });
      expect(fact).toContain(counted.join(', '));
    }
    // What is said is said of the listing as a whole: no line of these is in error.
    expect(warnings.filter(({ line }) => line !== null)).toEqual([]);
  });

  const both = listings.filter(
    (file) => /^caps-/.test(file) && /^\tCapabilities/m.test(readText(`topology/${file}`)),
  );
  it.each(orNone(both))('%s: its verbose text reads as its dump', (file) => {
    const text = readText(`topology/${file}`);
    const dump = parseLspci(text).functions;
    const verbose = parseLspci(text.replace(/^[0-9a-f]{2,3}: .*$/gm, '')).functions;
    verbose.forEach((fn, index) => {
      const [made, read] = [readable(fn), readable(dump[index])] as Readable[];
      // Without -nn the ids are not in the text; old versions leave out prefixes, ARI and this status bit.
      if (made.pri && !/PRISta:.*PASID/.test(text))
        made.pri = { ...(made.pri as object), responsePasidRequired: true };
      for (const key of ['acs', 'ats', 'pri', 'pasid', 'sriov']) {
        expect([key, made[key]]).toEqual([key, read[key]]);
      }
      expect(made.express?.portType).toBe(read.express?.portType);
      expect(made.standard).toEqual(read.standard);
    });
  });
});
