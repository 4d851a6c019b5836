import { GraphQLError } from 'graphql';
import { formatPciAddress, parsePciAddress } from '../bits/pci-address.js';
import { toHex, u64FromNumber } from '../bits/u64.js';
import { builder } from './builder.js';
import { parseNumberLiteral, parseNumberValue, toBigInt } from './number-text.js';

builder.scalarType('Address', {
  description:
    'A 64-bit unsigned address or raw table word. Out: lowercase hexadecimal string with 0x. In: hexadecimal or decimal string, or a non-negative integer literal.',
  serialize: (value) => toHex(typeof value === 'number' ? u64FromNumber(value) : value),
  parseValue: (value) => parseNumberValue('Address', value, false),
  parseLiteral: (node) => parseNumberLiteral('Address', node, false),
});

builder.scalarType('ByteSize', {
  description:
    'A number of bytes. Out: decimal string. In: decimal or hexadecimal string, non-negative integer, or a number with a binary suffix (4K, 2M, 1G, 1T).',
  serialize: (value) => toBigInt(value).toString(),
  parseValue: (value) => parseNumberValue('ByteSize', value, true),
  parseLiteral: (node) => parseNumberLiteral('ByteSize', node, true),
});

builder.scalarType('PciAddress', {
  description:
    'A PCI function as domain:bus:device.function, 0000:6a:01.0 (a domain can have more than four digits, 10000:e1:00.0). In: the domain may be left out.',
  serialize: formatPciAddress,
  parseValue: (value) => {
    const address = typeof value === 'string' ? parsePciAddress(value) : null;
    if (address === null) {
      throw new GraphQLError(
        `PciAddress cannot be "${String(value).slice(0, 80)}": give domain:bus:device.function in hexadecimal.`,
      );
    }
    return address;
  },
});

builder.scalarType('UUID', {
  description: 'An RFC 4122 UUID, lower case on output.',
  serialize: (value) => value.toLowerCase(),
  parseValue: (value) => {
    if (typeof value !== 'string' || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)) {
      throw new GraphQLError(
        `UUID cannot be "${String(value).slice(0, 80)}": give 8-4-4-4-12 hexadecimal digits.`,
      );
    }
    return value.toLowerCase();
  },
});

builder.scalarType('DateTime', {
  description: 'An RFC 3339 instant with offset.',
  serialize: (value) => new Date(value).toISOString(),
  parseValue: (value) => {
    const time = typeof value === 'string' ? Date.parse(value) : NaN;
    if (Number.isNaN(time))
      throw new GraphQLError(`DateTime cannot be "${String(value).slice(0, 80)}": give an RFC 3339 instant.`);
    return time;
  },
});

builder.scalarType('SequenceNumber', {
  description:
    "A non-negative integer below 2^53: the position of an event or a command in its platform's log.",
  serialize: (value) => value,
  parseValue: (value) => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
      throw new GraphQLError(
        `SequenceNumber cannot be "${String(value).slice(0, 80)}": give an integer from 0 to 2^53-1.`,
      );
    }
    return value;
  },
  parseLiteral: (node) => {
    const value = node.kind === 'IntValue' ? Number(node.value) : NaN;
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new GraphQLError('SequenceNumber must be an integer from 0 to 2^53-1.');
    }
    return value;
  },
});

builder.scalarType('Cursor', {
  description:
    'An opaque position in a connection or an event stream; valid across restarts and across replicas.',
  serialize: (value) => value,
  parseValue: (value) => {
    if (typeof value !== 'string') throw new GraphQLError('Cursor must be a string that came from this API.');
    return value;
  },
});

builder.scalarType('Base64', {
  description: 'RFC 4648 base64.',
  serialize: (value) => Buffer.from(value).toString('base64'),
  parseValue: (value) => {
    if (
      typeof value !== 'string' ||
      !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value)
    ) {
      throw new GraphQLError('Base64 must be RFC 4648 base64 with padding.');
    }
    return new Uint8Array(Buffer.from(value, 'base64'));
  },
});
