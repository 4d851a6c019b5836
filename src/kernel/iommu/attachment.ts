import type { KernelDevice } from '../device/kernel-device.js';
import type { AttachmentKind } from '../events.js';
import type { IntelUnit } from '../intel/unit.js';
import type { Domain } from './domain.js';
import type { Endpoint } from './endpoint.js';

/** A domain and a device, joined in hardware tables. */
export interface Attachment {
  readonly domain: Domain;
  /** Whom the attachment was asked for. */
  readonly endpoint: Endpoint;
  /** Whose tables were changed. */
  readonly device: KernelDevice;
  readonly kind: AttachmentKind;
  readonly pasid: number | null;
  readonly domainIdTag: number;
  readonly unit: IntelUnit;
  /**
   * The driver lost track: the tables it lived in are gone or unreachable, but its PASID and domain id
   * are never given back.
   */
  leaked: boolean;
}
