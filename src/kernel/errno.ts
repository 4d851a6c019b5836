/** Linux errno numbers this project can return. Linux: include/uapi/asm-generic/errno-base.h, errno.h. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOTTY: 25,
  ENOSPC: 28,
  ERANGE: 34,
  EOVERFLOW: 75,
  EUSERS: 87,
  EOPNOTSUPP: 95,
  /** Of the kernel's own numbers, which user space should not see and does. */
  ENOTSUPP: 524,
} as const;

export type Errno = keyof typeof ERRNO;

/** Why the kernel refuses: an object, the evidence, and what mends it. */
export interface Blocker {
  /** Stable upper-case word, for programs. */
  readonly code: string;
  /** One sentence for people, naming the object and the rule. */
  readonly message: string;
  /** Node id of the object in the way, without the platform part: `Device:0000:6a:01.0`; null when none. */
  readonly subject: KernelSubject | null;
  readonly remedy: string | null;
}

/** A kernel object by its own name; `graphql` turns it into a node id. */
export type KernelSubject =
  | { readonly kind: 'Device'; readonly name: string }
  | { readonly kind: 'Subdevice'; readonly name: string }
  | { readonly kind: 'SoftwareDevice'; readonly name: string }
  | { readonly kind: 'SoftwareSubdevice'; readonly name: string }
  | { readonly kind: 'Group'; readonly number: number }
  | { readonly kind: 'Domain'; readonly number: number }
  | { readonly kind: 'IommuUnit'; readonly name: string }
  | { readonly kind: 'VfioContainer'; readonly number: number };

/** A refusal: the errno a system call would return and the kernel function whose rule it is. */
export class KernelError extends Error {
  override readonly name = 'KernelError';
  constructor(
    readonly errno: Errno,
    /** The kernel function that decides, as Linux spells it. */
    readonly mirrors: string,
    /** The rule, as a sentence that names the object. */
    rule: string,
    readonly blockers: readonly Blocker[] = [],
  ) {
    super(rule);
  }

  /** The positive errno number. */
  get number(): number {
    return ERRNO[this.errno];
  }
}
