import { isArrayBuffer } from 'node:util/types';
import { HostMemory } from '../../memory/host-memory.js';
import { EventJournal } from '../event-journal.js';
import { inTheMidst } from '../in-slices.js';
import type { Platform, PlatformHeader } from '../platform.js';
import { type ClassRule, CLASS_RULES, ruleFor } from './classes.js';
import type { EqualBuffers } from './equal-buffers.js';
import { type HeaderParts, partsOf } from './header-parts.js';
import { ImageError } from './image-error.js';
import { pathTo } from './path-to.js';

type Fields = Record<string, unknown>;

/**
 * A second self of a platform, to go on independently: it costs what its objects take, while memory and
 * events are shared until one of the two changes them. Nobody waits for its events.
 *
 * To be called between two commands: in the midst of one it throws.
 *
 * @param header the header of the copy, which differs in what a fork's may
 * @param buffers for a copy that is never changed: what of an earlier one it may hold
 */
export function copyPlatform(
  platform: Platform,
  header: PlatformHeader = platform.header,
  buffers: EqualBuffers | null = null,
): Platform {
  if (inTheMidst(platform) !== null) throw new Error(`${platform.name} is copied in the midst of a command`);
  const copy = new Copier(platform, partsOf(platform.header), buffers).run();
  (copy as { header: PlatformHeader }).header = header;
  return copy;
}

/** Copies the objects that can be reached from a platform, each once, whatever leads to it. */
class Copier {
  private readonly copies = new Map<object, object>();
  /** Objects whose copies still hold what they themselves hold. */
  private readonly open: object[] = [];
  private readonly instances = new Map<ClassRule, object[]>();

  constructor(
    private readonly root: Platform,
    private readonly parts: HeaderParts,
    private readonly buffers: EqualBuffers | null,
  ) {}

  run(): Platform {
    const copy = this.of(this.root) as Platform;
    for (let next = this.open.pop(); next !== undefined; next = this.open.pop()) {
      this.separate(next, this.copies.get(next)!);
    }
    for (const rule of CLASS_RULES) {
      for (const [field, make] of Object.entries(rule.derived)) {
        for (const one of this.instances.get(rule) ?? []) (one as Fields)[field] = make(one);
      }
    }
    return copy;
  }

  /** What takes the place of a value; its own contents follow later. */
  private of(value: unknown): unknown {
    if (typeof value === 'function') throw this.offence(value, 'a function');
    if (typeof value !== 'object' || value === null) return value;
    const known = this.copies.get(value);
    if (known !== undefined) return known;
    if (this.parts.numberOf.has(value)) return value;
    const copy = this.begin(value);
    this.copies.set(value, copy);
    return copy;
  }

  private begin(value: object): object {
    if (isArrayBuffer(value)) return this.buffers?.copyOf(value) ?? value.slice(0);
    if (ArrayBuffer.isView(value)) return this.view(value as Uint8Array);
    const prototype = Object.getPrototypeOf(value) as object;
    const rule = ruleFor(prototype);
    if (rule !== undefined) return this.instance(value, rule);
    if (value instanceof HostMemory) return value.fork();
    if (value instanceof EventJournal) return value.copy();
    const copy = emptyCopy(value, prototype);
    if (copy === null) throw this.offence(value, `of class ${value.constructor.name}`);
    this.open.push(value);
    return copy;
  }

  private view(value: Uint8Array): object {
    const type = value.constructor as new (buffer: unknown, offset: number, length: number) => object;
    return new type(this.of(value.buffer), value.byteOffset, value.length);
  }

  private instance(value: object, rule: ClassRule): object {
    if (rule.fresh !== null) return rule.fresh();
    // Assigned as a whole the fields of a copy are laid out once for its class, which keeps access to them fast.
    const copy = Object.assign(Object.create(Object.getPrototypeOf(value) as object) as object, value);
    const instances = this.instances.get(rule);
    if (instances === undefined) this.instances.set(rule, [copy]);
    else instances.push(copy);
    this.open.push(value);
    return copy;
  }

  /** Puts copies in the place of what a copy still shares with its original. */
  private separate(value: object, copy: object): void {
    if (value instanceof Map) {
      for (const [key, held] of value) (copy as typeof value).set(this.of(key), this.of(held));
    } else if (value instanceof Set) {
      for (const held of value) (copy as typeof value).add(this.of(held));
    } else if (Array.isArray(value)) {
      const list = copy as unknown[];
      for (let index = 0; index < list.length; index++) {
        const held = list[index];
        if (typeof held === 'object' || typeof held === 'function') list[index] = this.of(held);
      }
    } else {
      this.separateFields(copy as Fields, ruleFor(Object.getPrototypeOf(value) as object));
    }
  }

  private separateFields(copy: Fields, rule: ClassRule | undefined): void {
    for (const field in copy) {
      const held = copy[field];
      if ((typeof held !== 'object' && typeof held !== 'function') || held === null) continue;
      if (rule?.shared.includes(field) || (rule !== undefined && field in rule.derived)) continue;
      copy[field] = rule?.flat.includes(field) ? flatCopy(held as object) : this.of(held);
    }
  }

  private offence(value: unknown, what: string): ImageError {
    return new ImageError(`${pathTo(this.root, value)} is ${what}, which no copy can have.`);
  }
}

function emptyCopy(value: object, prototype: object): object | null {
  if (Array.isArray(value)) return value.slice();
  // Object.prototype, of whichever realm, is the prototype that has none itself.
  if (Object.getPrototypeOf(prototype) === null) return { ...value };
  if (value instanceof Map) return new Map();
  if (value instanceof Set) return new Set();
  return null;
}

function flatCopy(collection: object): object {
  if (Array.isArray(collection)) return collection.slice();
  if (collection instanceof Map) return new Map(collection);
  throw new ImageError('A flat collection is a list or a map.');
}
