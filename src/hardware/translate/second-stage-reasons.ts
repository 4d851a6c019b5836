import { NEED_WRITE, WALK } from './second-stage-walk.js';

/** Scalable-mode fault reasons of second-stage conditions, by {@link WALK}; permissions are named by the caller. */
export const SECOND_STAGE_REASON = [0, 0x79, 0x85, 0x86, 0x7a, 0x7b, 0x78, 0x7c] as const;

/** Legacy mode has no reason of its own for a missing entry: it is a missing permission, by request type. */
export function legacyReason(end: number, access: number): number {
  switch (end) {
    case WALK.NOT_PRESENT:
      return (access & NEED_WRITE) !== 0 ? 0x05 : 0x06;
    case WALK.NO_WRITE:
      return 0x05;
    case WALK.NO_READ:
      return 0x06;
    case WALK.RESERVED:
      return 0x0c;
    case WALK.TOP_UNREADABLE:
      return 0x03;
    default:
      return 0x07;
  }
}
