import { Duplex, type Writable } from 'node:stream';
import fc from 'fast-check';
import * as ws from 'ws';
import { writeText } from '../../src/server/text-frame.js';

/** What ws reads frames with; its types do not name it. */
const { Receiver } = ws as unknown as { Receiver: new (options: object) => Writable };

/** What a client that reads with ws is told, of messages written one after the other. */
function readBack(messages: readonly (readonly [before: string, text: string])[]): string[] {
  const written: Buffer[] = [];
  const wire = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      written.push(chunk);
      done();
    },
  });
  for (const [before, text] of messages)
    writeText(wire, before, Buffer.byteLength(before), Buffer.from(text));
  const told: string[] = [];
  const receiver = new Receiver({ isServer: false, allowSynchronousEvents: true });
  receiver.on('message', (data: Buffer, isBinary: boolean) => told.push(`${isBinary}:${String(data)}`));
  receiver.on('error', (error: Error) => told.push(error.message));
  receiver.write(Buffer.concat(written));
  return told;
}

const asTold = ([before, text]: readonly [string, string]) => `false:${before}${text}}`;

describe('a text message as one frame', () => {
  // RFC 6455, 5.2 "Base Framing Protocol": up to 125 in the second byte, up to 65,535 in two more, else in eight.
  it.each([[1], [125], [126], [127], [4096], [4097], [65_535], [65_536], [1_000_000]])(
    'of %d bytes is what ws reads',
    (length) => {
      const message = ['', 'x'.repeat(length - 1)] as const;
      expect(readBack([message])).toEqual([asTold(message)]);
    },
  );

  it('is what ws reads whatever the texts, and several are as many', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 40 }),
      fc.integer({ min: 0, max: 70_000 }).map((length) => 'é'.repeat(length / 2)),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 5 }), (messages) => {
        expect(readBack(messages)).toEqual(messages.map(asTold));
      }),
    );
  });
});
