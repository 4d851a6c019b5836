import SchemaBuilder from '@pothos/core';
import type { PciAddress } from '../bits/pci-address.js';
import type { U64 } from '../bits/u64.js';
import type { GraphContext } from './context.js';

/** The one schema builder; files under `types`, `queries`, `mutations` and `subscriptions` add to it. */
export const builder = new SchemaBuilder<{
  Context: GraphContext;
  DefaultFieldNullability: false;
  Scalars: {
    ID: { Input: string; Output: string };
    /** Resolvers may give a double where the value is a host address. */
    Address: { Input: U64; Output: U64 | number };
    ByteSize: { Input: U64; Output: U64 | number };
    PciAddress: { Input: PciAddress; Output: PciAddress };
    UUID: { Input: string; Output: string };
    /** Milliseconds since 1970. */
    DateTime: { Input: number; Output: number };
    SequenceNumber: { Input: number; Output: number };
    Cursor: { Input: string; Output: string };
    Base64: { Input: Uint8Array; Output: Uint8Array };
  };
}>({ defaultFieldNullability: false });

builder.queryType({ description: 'Everything that can be read.' });
builder.mutationType({
  description: 'Everything that can be asked of a platform. Each field is one command.',
});
builder.subscriptionType({
  description: 'Live streams. Each starts after a cursor, or with what happens next, and has no hole.',
});
