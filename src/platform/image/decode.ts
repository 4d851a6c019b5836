import { HostMemory } from '../../memory/host-memory.js';
import { EventChunk } from '../event-chunk.js';
import { EventJournal } from '../event-journal.js';
import type { Platform, PlatformHeader } from '../platform.js';
import { type ClassRule, CLASS_RULES, ruleNamed } from './classes.js';
import {
  type EncodedNode,
  type EncodedValue,
  IMAGE_FORMAT,
  KIND,
  type Layout,
  VIEWS,
  unpack,
} from './format.js';
import { partsOf } from './header-parts.js';
import { ImageError } from './image-error.js';

type Fields = Record<string, unknown>;

/** Nodes filled between two looks at what else there is to do. */
const NODES_A_STEP = 2000;

/** Makes a platform of the pieces of an image, in their order. */
export class PlatformDecoder {
  private readonly layouts: Layout[] = [];
  private readonly nodes: EncodedNode[] = [];
  private readonly objects: object[] = [];
  private readonly instances = new Map<ClassRule, object[]>();
  private readonly chunks = new Map<number, EventChunk[]>();
  private readonly parts: readonly object[];
  private isComplete = false;

  /** @param header what the platform was made from; an image does not hold it */
  constructor(header: PlatformHeader) {
    this.parts = partsOf(header).byNumber;
  }

  /** Takes the next piece; an {@link ImageError} when it is of another form or in the wrong place. */
  take(bytes: Uint8Array): void {
    const piece = unpack(bytes);
    switch (piece[0]) {
      case 'BEGIN':
        if (piece[1] !== IMAGE_FORMAT)
          throw new ImageError(`An image of form ${piece[1]}; this is ${IMAGE_FORMAT}.`);
        return;
      case 'GRAPH':
        this.layouts.push(...piece[1]);
        for (const node of piece[2]) {
          this.nodes.push(node);
          this.objects.push(this.begin(node));
        }
        return;
      case 'MEMORY':
        return restoreFrames(this.objects[piece[1]] as HostMemory, piece[2], piece[3]);
      case 'EVENTS':
        this.chunks.get(piece[1])!.push(EventChunk.packed(piece[3], piece[4], piece[2]));
        return;
      case 'END':
        this.isComplete = piece[1] === this.nodes.length;
        return;
      default:
        throw new ImageError(`No piece of an image begins with ${String(piece[0])}.`);
    }
  }

  /** The platform, when all pieces were taken; gives way to others between steps. */
  *finish(): Generator<void, Platform> {
    if (!this.isComplete) throw new ImageError('The end of the image is missing.');
    for (let at = 0; at < this.nodes.length; at++) {
      this.fill(this.objects[at], this.nodes[at]);
      if (at % NODES_A_STEP === NODES_A_STEP - 1) yield;
    }
    for (const rule of CLASS_RULES) {
      for (const [field, make] of Object.entries(rule.derived)) {
        for (const one of this.instances.get(rule) ?? []) (one as Fields)[field] = make(one);
      }
    }
    return this.objects[0] as Platform;
  }

  private value(value: EncodedValue): unknown {
    if (!Array.isArray(value)) return value;
    const [number] = value as readonly [number];
    const object = number < 0 ? this.parts[-1 - number] : this.objects[number];
    if (object === undefined) throw new ImageError('An image that does not fit its header.');
    return object;
  }

  /** An object as far as it can be made before the others are there. */
  private begin([kind, ...contents]: EncodedNode): object {
    switch (kind) {
      case KIND.LIST:
        return [];
      case KIND.MAP:
        return new Map();
      case KIND.SET:
        return new Set();
      case KIND.BUFFER:
        return (contents[0] as Uint8Array).slice().buffer;
      case KIND.VIEW: {
        const [name, buffer, offset, bytes] = contents;
        const { type, unit } = VIEWS.get(name as string)!;
        return new type(this.value(buffer) as ArrayBuffer, offset as number, (bytes as number) / unit);
      }
      case KIND.MEMORY: {
        const memory = new HostMemory(contents[0] as number);
        if (contents[1] !== null) memory.useSlab(contents[1] as number);
        return memory;
      }
      case KIND.JOURNAL: {
        const [capacity, dropped, count] = contents as number[];
        const chunks: EventChunk[] = [];
        this.chunks.set(this.objects.length, chunks);
        return EventJournal.of({ capacity, dropped, count }, chunks);
      }
      case KIND.FRESH:
        return ruleNamed(contents[0] as string)!.fresh!();
      default:
        return this.blank(this.layouts[kind - KIND.LAYOUT]);
    }
  }

  private blank([name, fields]: Layout): object {
    // Made at once from a text, all objects of a layout have their fields in the same places.
    const object = JSON.parse(`{${fields.map((field) => `${JSON.stringify(field)}:0`).join()}}`) as object;
    if (name === null) return object;
    const rule = ruleNamed(name);
    if (rule === undefined) throw new ImageError(`There is no class ${name}.`);
    Object.setPrototypeOf(object, rule.type.prototype);
    const instances = this.instances.get(rule);
    if (instances === undefined) this.instances.set(rule, [object]);
    else instances.push(object);
    return object;
  }

  private fill(object: object, [kind, ...contents]: EncodedNode): void {
    if (kind === KIND.LIST) {
      for (const each of contents) (object as unknown[]).push(this.value(each));
    } else if (kind === KIND.SET) {
      for (const each of contents) (object as Set<unknown>).add(this.value(each));
    } else if (kind === KIND.MAP) {
      for (let at = 0; at < contents.length; at += 2) {
        (object as Map<unknown, unknown>).set(this.value(contents[at]), this.value(contents[at + 1]));
      }
    } else if (kind >= KIND.LAYOUT) {
      const [, fields] = this.layouts[kind - KIND.LAYOUT];
      fields.forEach((field, index) => ((object as Fields)[field] = this.value(contents[index])));
    }
  }
}

function restoreFrames(memory: HostMemory, frames: readonly number[], bytes: Uint8Array): void {
  frames.forEach((frame, index) => {
    memory.writeBytes(frame * 4096, bytes.subarray(index * 4096, index * 4096 + 4096));
  });
}
