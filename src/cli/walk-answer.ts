import type { PageAccess, WalkLevel, WalkTrace } from '../hardware/index.js';

/** What became of one line of the input; the member names are the printed ones. */
export type WalkAnswer =
  | {
      readonly outcome: 'COMPLETED';
      readonly physical: string;
      /** Bytes of the page; 0 where addresses pass as they are. */
      readonly pageSize: number;
      readonly access: readonly ('READ' | 'WRITE' | 'EXECUTE')[];
    }
  | {
      readonly outcome: 'FAULTED';
      readonly reason: number;
      /** The table that was read last; null when the request was refused before any. */
      readonly step: WalkLevel | null;
    }
  /** The walk came to a page the dump does not have: the memory may hold anything there. */
  | { readonly outcome: 'UNKNOWN'; readonly missing: string }
  | { readonly outcome: 'INTERRUPT' }
  | { readonly outcome: 'ERROR'; readonly message: string };

/** The answer a trace over a dump gives. */
export function answerOf(trace: WalkTrace): WalkAnswer {
  const { result, steps } = trace;
  switch (result.kind) {
    case 'TRANSLATED':
      return {
        outcome: 'COMPLETED',
        physical: hex(result.physical),
        pageSize: result.pageSize,
        access: accessList(result.access),
      };
    case 'INTERRUPT':
      return { outcome: 'INTERRUPT' };
    default: {
      // A walk ends at the first entry it cannot read, and calls that an access error.
      const last = steps[steps.length - 1];
      if (last !== undefined && last.words.length === 0) {
        return { outcome: 'UNKNOWN', missing: hex(last.entryAddress - (last.entryAddress % 4096)) };
      }
      return { outcome: 'FAULTED', reason: result.reason, step: result.level };
    }
  }
}

function accessList(access: PageAccess): ('READ' | 'WRITE' | 'EXECUTE')[] {
  const list: ('READ' | 'WRITE' | 'EXECUTE')[] = [];
  if (access.read) list.push('READ');
  if (access.write) list.push('WRITE');
  if (access.execute) list.push('EXECUTE');
  return list;
}

function hex(address: number): string {
  return '0x' + address.toString(16);
}
