import type { Duplex } from 'node:stream';

/** Bytes up to which a message is copied into one piece, which is sooner done than to send it in several. */
const MOST_COPIED = 4096;
/** A final frame of text (RFC 6455, 5.2 "Base Framing Protocol"). */
const FINAL_TEXT = 0x81;
const END = Buffer.from('}');

/**
 * Writes a text message to the connection under a WebSocket that compresses nothing, as one frame; a server does not
 * mask it (RFC 6455, 5.1 "Overview"). ws would send head and text as two, which for a short message costs half as much
 * again.
 *
 * @param before how the message begins, and its length in bytes
 * @param text the rest but for a closing brace, shared with other messages: never changed, for it may be sent later
 */
export function writeText(
  wire: Duplex,
  before: string,
  beforeBytes: number,
  text: Buffer,
  flushed?: (error?: Error | null) => void,
): void {
  const length = beforeBytes + text.length + END.length;
  const headBytes = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const isCopied = length <= MOST_COPIED;
  const frame = Buffer.allocUnsafe(headBytes + (isCopied ? length : beforeBytes));
  frame[0] = FINAL_TEXT;
  putLength(frame, length, headBytes);
  frame.write(before, headBytes);
  if (isCopied) {
    frame.set(text, headBytes + beforeBytes);
    frame[frame.length - 1] = END[0];
    wire.write(frame, flushed);
    return;
  }
  wire.cork();
  wire.write(frame);
  wire.write(text);
  wire.write(END, flushed);
  wire.uncork();
}

function putLength(frame: Buffer, length: number, headBytes: number): void {
  if (headBytes === 2) {
    frame[1] = length;
  } else if (headBytes === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(0, 2);
    frame.writeUInt32BE(length, 6);
  }
}
