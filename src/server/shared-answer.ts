import type { ExecutionResult } from 'graphql';
import { type Mask, clientError } from './masked-errors.js';

/** An answer of a stream, put into text once for all who get it. */
export class SharedAnswer {
  /** The answer as JSON. */
  readonly text: string;
  private textBytes: Buffer | null = null;
  private eventBytes: Buffer | null = null;

  constructor({ data, errors, extensions }: ExecutionResult, mask: Mask) {
    const shown = errors?.map((error) => clientError(mask(error)));
    this.text = JSON.stringify({ ...(shown && { errors: shown }), data, extensions });
  }

  /** The same as bytes; never to be changed, for they may be sent later. */
  get bytes(): Buffer {
    return (this.textBytes ??= Buffer.from(this.text));
  }

  /** The answer as a server-sent event; never to be changed, for it may be sent later. */
  get event(): Buffer {
    return (this.eventBytes ??= Buffer.from(`event: next\ndata: ${this.text}\n\n`));
  }
}
