import type { Attachment } from '../iommu/attachment.js';
import type { KernelState } from '../state.js';

/** Notes a new attachment on both sides and tells. */
export function addAttachment(state: KernelState, attachment: Attachment): void {
  attachment.domain.attachments.push(attachment);
  if (attachment.kind === 'PRIMARY') attachment.device.attachments.unshift(attachment);
  else attachment.device.attachments.push(attachment);
  tell(state, attachment, true);
}

/** Takes an attachment off both sides and tells. */
export function dropAttachment(state: KernelState, attachment: Attachment): void {
  remove(attachment.domain.attachments, attachment);
  remove(attachment.device.attachments, attachment);
  tell(state, attachment, false);
}

/**
 * An attachment whose tables are gone while the driver still counts it: the domain keeps it, as its PASID
 * and domain id are never given back; the device does not, as nothing is translated through it.
 */
export function leakAttachment(state: KernelState, attachment: Attachment): void {
  attachment.leaked = true;
  remove(attachment.device.attachments, attachment);
  tell(state, attachment, false);
}

function remove<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}

function tell(state: KernelState, attachment: Attachment, attached: boolean): void {
  state.emit({
    type: 'ATTACHMENT',
    attached,
    domain: attachment.domain.number,
    endpoint: attachment.endpoint.subject,
    kind: attachment.kind,
    pasid: attachment.pasid,
  });
}
