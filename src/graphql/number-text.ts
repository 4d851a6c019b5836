import { type ASTNode, GraphQLError, Kind, print } from 'graphql';
import { type U64, u64FromNumber } from '../bits/u64.js';

const MAX = (1n << 64n) - 1n;
const SUFFIXES: Readonly<Record<string, bigint>> = { K: 1n << 10n, M: 1n << 20n, G: 1n << 30n, T: 1n << 40n };

/** Reads the text forms of a 64-bit number: decimal, 0x hexadecimal and, where allowed, a binary suffix. */
export function parseNumberText(scalar: string, text: string, suffixes: boolean): U64 {
  const match = /^(0x[0-9a-f]+|[0-9]+)([KMGT])?$/i.exec(text.trim());
  if (!match || (match[2] !== undefined && (!suffixes || /^0x/i.test(match[1]))))
    throw malformed(scalar, text, suffixes);
  const value = BigInt(match[1]) * (match[2] === undefined ? 1n : SUFFIXES[match[2].toUpperCase()]);
  if (value > MAX) throw new GraphQLError(`${scalar} ${text} does not fit in 64 bits.`);
  return { hi: Number(value >> 32n), lo: Number(value & 0xffffffffn) };
}

/** Reads a variable's value. JSON numbers above 2^53 arrive rounded, so they are refused. */
export function parseNumberValue(scalar: string, value: unknown, suffixes: boolean): U64 {
  if (typeof value === 'string') return parseNumberText(scalar, value, suffixes);
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
    throw malformed(scalar, String(value), suffixes);
  if (!Number.isSafeInteger(value)) {
    throw new GraphQLError(
      `${scalar} ${value} is above 2^53-1 and was rounded by JSON; send it as a string.`,
    );
  }
  return u64FromNumber(value);
}

/** Reads a literal; integer literals of any size are exact because their digits are. */
export function parseNumberLiteral(scalar: string, node: ASTNode, suffixes: boolean): U64 {
  if (node.kind === Kind.STRING || node.kind === Kind.INT)
    return parseNumberText(scalar, node.value, suffixes);
  throw malformed(scalar, print(node), suffixes);
}

/** The value as a BigInt: the only place where one is made from a 64-bit value. */
export function toBigInt(value: U64 | number): bigint {
  return typeof value === 'number' ? BigInt(value) : (BigInt(value.hi) << 32n) | BigInt(value.lo);
}

function malformed(scalar: string, text: string, suffixes: boolean): GraphQLError {
  const forms = suffixes
    ? 'decimal, 0x hexadecimal, or decimal with K, M, G or T'
    : 'decimal or 0x hexadecimal';
  return new GraphQLError(
    `${scalar} cannot be "${text.slice(0, 80)}": give a non-negative integer, ${forms}.`,
  );
}
