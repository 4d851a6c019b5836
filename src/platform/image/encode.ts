import { isArrayBuffer } from 'node:util/types';
import { HostMemory } from '../../memory/host-memory.js';
import { EventJournal } from '../event-journal.js';
import type { Platform } from '../platform.js';
import { ruleFor } from './classes.js';
import {
  type EncodedNode,
  type EncodedValue,
  IMAGE_FORMAT,
  KIND,
  type Layout,
  VIEWS,
  pack,
} from './format.js';
import { type HeaderParts, partsOf } from './header-parts.js';
import { ImageError } from './image-error.js';
import { pathTo } from './path-to.js';

/** Objects, and frames of memory, in one piece. */
const NODES_A_PIECE = 1000;
const FRAMES_A_PIECE = 256;

/**
 * A platform as bytes, piece by piece, none of which takes more than some milliseconds; whoever calls decides
 * when to go on. The platform must not have a command meanwhile: give it a copy of one that lives.
 *
 * Its header is left out, and so is whoever listens to it.
 */
export function* encodePlatform(platform: Platform): Generator<Uint8Array, void> {
  yield pack(['BEGIN', IMAGE_FORMAT, platform.revision]);
  const encoder = new Encoder(platform, partsOf(platform.header));
  yield* encoder.graph();
  for (const [node, memory] of encoder.memories) yield* memoryPieces(node, memory);
  for (const [node, journal] of encoder.journals) {
    for (const chunk of journal.kept)
      yield pack(['EVENTS', node, chunk.isFull, chunk.pack(), [...chunk.kinds]]);
  }
  yield pack(['END', encoder.count]);
}

/** Gives every object that can be reached from a platform a number, and writes down what it holds. */
class Encoder {
  readonly memories: [node: number, memory: HostMemory][] = [];
  readonly journals: [node: number, journal: EventJournal][] = [];
  private readonly numbers = new Map<object, number>();
  private readonly order: object[] = [];
  private readonly layoutNumbers = new Map<string, number>();
  private newLayouts: Layout[] = [];

  constructor(
    private readonly root: Platform,
    private readonly parts: HeaderParts,
  ) {}

  get count(): number {
    return this.order.length;
  }

  *graph(): Generator<Uint8Array, void> {
    this.numberOf(this.root);
    for (let at = 0; at < this.order.length;) {
      const nodes: EncodedNode[] = [];
      for (; at < this.order.length && nodes.length < NODES_A_PIECE; at++) {
        nodes.push(this.node(this.order[at], at));
      }
      yield pack(['GRAPH', this.newLayouts, nodes]);
      this.newLayouts = [];
    }
  }

  private numberOf(object: object): number {
    const known = this.numbers.get(object);
    if (known !== undefined) return known;
    // What a view looks at must be there when the view is made.
    if (ArrayBuffer.isView(object)) this.numberOf(object.buffer);
    const number = this.order.push(object) - 1;
    this.numbers.set(object, number);
    return number;
  }

  private value(value: unknown): EncodedValue {
    if (typeof value === 'function') throw this.offence(value, 'a function');
    if (typeof value !== 'object' || value === null) return value as EncodedValue;
    const part = this.parts.numberOf.get(value);
    return [part === undefined ? this.numberOf(value) : -1 - part];
  }

  private node(object: object, number: number): EncodedNode {
    if (isArrayBuffer(object)) return [KIND.BUFFER, new Uint8Array(object)];
    if (ArrayBuffer.isView(object)) return this.view(object);
    if (Array.isArray(object)) return [KIND.LIST, ...object.map((each) => this.value(each))];
    if (object instanceof Map) return [KIND.MAP, ...[...object].flat().map((each) => this.value(each))];
    if (object instanceof Set) return [KIND.SET, ...[...object].map((each) => this.value(each))];
    if (object instanceof HostMemory) {
      this.memories.push([number, object]);
      return [KIND.MEMORY, object.limit, object.slabHome];
    }
    if (object instanceof EventJournal) {
      this.journals.push([number, object]);
      const { capacity, dropped, count } = object.extent;
      return [KIND.JOURNAL, capacity, dropped, count];
    }
    return this.fields(object);
  }

  private view(view: ArrayBufferView): EncodedNode {
    const { name } = view.constructor;
    if (!VIEWS.has(name)) throw this.offence(view, `of class ${name}`);
    return [KIND.VIEW, name, this.value(view.buffer), view.byteOffset, view.byteLength];
  }

  private fields(object: object): EncodedNode {
    const prototype = Object.getPrototypeOf(object) as object;
    const rule = ruleFor(prototype);
    if (rule === undefined && Object.getPrototypeOf(prototype) !== null) {
      throw this.offence(object, `of class ${object.constructor.name}`);
    }
    if (rule !== undefined && rule.fresh !== null) return [KIND.FRESH, rule.name];
    const name = rule?.name ?? null;
    const entries = Object.entries(object).filter(
      ([field]) => !(rule !== undefined && field in rule.derived),
    );
    const layout = this.layout(
      name,
      entries.map(([field]) => field),
    );
    return [KIND.LAYOUT + layout, ...entries.map(([, held]) => this.value(held))];
  }

  private layout(name: string | null, fields: readonly string[]): number {
    const key = `${name ?? ''}(${fields.join()})`;
    const known = this.layoutNumbers.get(key);
    if (known !== undefined) return known;
    const number = this.layoutNumbers.size;
    this.layoutNumbers.set(key, number);
    this.newLayouts.push([name, fields]);
    return number;
  }

  private offence(value: unknown, what: string): ImageError {
    return new ImageError(`${pathTo(this.root, value)} is ${what}, which no image can have.`);
  }
}

function* memoryPieces(node: number, memory: HostMemory): Generator<Uint8Array, void> {
  let frames: number[] = [];
  let bytes = new Uint8Array(FRAMES_A_PIECE * 4096);
  for (const written of memory.writtenFrames()) {
    bytes.set(written.bytes, frames.push(written.frame) * 4096 - 4096);
    if (frames.length < FRAMES_A_PIECE) continue;
    yield pack(['MEMORY', node, frames, bytes]);
    frames = [];
    bytes = new Uint8Array(FRAMES_A_PIECE * 4096);
  }
  if (frames.length > 0) yield pack(['MEMORY', node, frames, bytes.subarray(0, frames.length * 4096)]);
}
