/** A number as a hexadecimal string. */
export type Hex = string;

/** One file of `test/vectors` is a list of these; its README says what the members mean. */
export interface Vector {
  readonly id: string;
  readonly title: string;
  readonly unit: {
    readonly version: Hex;
    readonly capability: Hex;
    readonly extendedCapability: Hex;
    readonly hostAddressWidth: number;
    readonly collapsesFaults: boolean;
  };
  readonly memory: readonly { readonly address: Hex; readonly words: readonly Hex[] }[];
  readonly steps: readonly Step[];
}

interface RegisterAccess {
  readonly register: string;
  readonly offset: Hex;
  readonly bytes: 4 | 8;
}

export type Step =
  | ({ readonly op: 'write'; readonly value: Hex } & RegisterAccess)
  | ({ readonly op: 'read'; readonly mask?: Hex; readonly expect: Hex } & RegisterAccess)
  | { readonly op: 'store'; readonly address: Hex; readonly words: readonly Hex[] }
  | { readonly op: 'load'; readonly address: Hex; readonly expect: readonly Hex[] }
  | RequestStep
  | {
      readonly op: 'pageRequest';
      readonly sourceId: Hex;
      readonly pasid: Hex;
      readonly address: Hex;
      readonly read: boolean;
      readonly write: boolean;
      readonly last: boolean;
      readonly groupIndex: Hex;
      readonly expect: string;
    }
  | {
      readonly op: 'interrupt';
      readonly sourceId: Hex;
      readonly address: Hex;
      readonly data: Hex;
      readonly expect: { readonly outcome: 'DELIVERED'; readonly vector: Hex };
    }
  | { readonly op: 'messages'; readonly expect: readonly { readonly address: Hex; readonly data: Hex }[] }
  | { readonly op: 'pageResponses'; readonly expect: readonly unknown[] }
  | { readonly op: 'deviceHolds'; readonly sourceId: Hex; readonly entries: readonly DeviceEntry[] }
  | { readonly op: 'deviceTlb'; readonly sourceId: Hex; readonly expect: readonly DeviceEntry[] }
  | { readonly op: 'caches'; readonly expect: CacheContents };

export interface RequestStep {
  readonly op: 'request';
  readonly sourceId: Hex;
  readonly pasid: Hex | null;
  readonly address: Hex;
  readonly type: 'READ' | 'WRITE' | 'ATOMIC';
  readonly addressType: 'UNTRANSLATED' | 'TRANSLATION_REQUEST' | 'TRANSLATED';
  readonly privileged: boolean;
  readonly expect: unknown;
}

export interface DeviceEntry {
  readonly pasid: Hex | null;
  readonly address: Hex;
}

/** Caches that are not named are not looked at. */
export interface CacheContents {
  readonly context?: readonly { readonly sourceId: Hex; readonly domainId: Hex | null }[];
  readonly pasid?: readonly { readonly sourceId: Hex; readonly pasid: Hex; readonly domainId: Hex }[];
  readonly iotlb?: readonly {
    readonly sourceId: Hex;
    readonly pasid: Hex | null;
    readonly domainId: Hex;
    readonly address: Hex;
    readonly pageSize: Hex;
    readonly physical: Hex;
    readonly access: readonly string[];
  }[];
}
