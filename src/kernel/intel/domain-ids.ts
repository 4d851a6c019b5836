/** The id pass-through PASID entries use in scalable mode. Linux: FLPT_DEFAULT_DID. */
export const FLPT_DEFAULT_DID = 1;

/** Ids there is room for at first. */
const FIRST_IDS = 256;

/**
 * The domain ids of one unit, lowest free first. Id 0 is never used: caching mode tags absent entries
 * with it. Linux: iommu_init_domains(), domain_attach_iommu().
 */
export class DomainIds {
  /** Of the lowest ids; grows when they are taken, since few platforms come near what a unit supports. */
  private taken: Uint8Array;
  private count = 0;

  constructor(
    readonly supported: number,
    reservesDefault: boolean,
  ) {
    this.taken = new Uint8Array(Math.min(supported, FIRST_IDS));
    this.take(0);
    if (reservesDefault) this.take(FLPT_DEFAULT_DID);
  }

  /** Ids in use, reserved ones included. */
  get used(): number {
    return this.count;
  }

  /** The lowest free id, or null. */
  allocate(): number | null {
    let did = this.taken.indexOf(0);
    if (did < 0) {
      did = this.taken.length;
      if (did === this.supported) return null;
      const wider = new Uint8Array(Math.min(this.supported, 2 * did));
      wider.set(this.taken);
      this.taken = wider;
    }
    this.take(did);
    return did;
  }

  free(did: number): void {
    this.taken[did] = 0;
    this.count--;
  }

  private take(did: number): void {
    this.taken[did] = 1;
    this.count++;
  }
}
