import { textLines } from '../text-lines.js';
import type { DecodedFields, DecodedLine, Reading } from './decoded-line.js';
import { lacksReason, readIntelFault, reasonLineOf } from './intel-fault.js';
import { messageOf } from './message.js';
import { readOtherVendorFault } from './other-vendor-fault.js';
import { readRemappingLine } from './remapping-line.js';

const NOTHING: DecodedFields = {
  sourceId: null,
  pasid: null,
  address: null,
  access: null,
  reason: null,
  suppressed: null,
};

/**
 * Every line of a kernel log that is about remapping, read back into fields: any kernel from 4.x on, with
 * or without time stamps, levels and a syslog prefix. Lines about other things are left out.
 */
export function decodeKernelLog(text: string): DecodedLine[] {
  const lines = textLines(text);
  const decoded: DecodedLine[] = [];
  for (let at = 0; at < lines.length; at++) {
    const { number, text: line } = lines[at];
    if (!MENTIONS.test(line)) continue;
    let message = messageOf(line);
    let whole = line;
    // One printk() of two lines, of which log readers give each its own prefix or none.
    const second = lacksReason(message) ? lines.at(at + 1) : undefined;
    const reason = second && reasonLineOf(messageOf(second.text));
    if (second && reason) {
      message = `${message} ${reason}`;
      whole = `${line}\n${second.text}`;
      at++;
    }
    const reading = readMessage(message);
    if (reading) decoded.push({ ...NOTHING, ...reading, line: number, text: whole });
  }
  return decoded;
}

/** Every line one of the readers can take has one of these words; most lines of a log have none. */
const MENTIONS = /dmar|iommu|INTR-REMAP|DRHD|RMRR|IVRS|IORT|smmu|AMD-Vi|IRQ remapping/i;

function readMessage(message: string): Reading | null {
  return readOtherVendorFault(message) ?? readIntelFault(message) ?? readRemappingLine(message);
}
