import { digestOf } from '../../../src/platform/digest.js';
import { CLASS_RULES } from '../../../src/platform/image/classes.js';
import { copyPlatform } from '../../../src/platform/image/copy.js';
import type { Platform } from '../../../src/platform/platform.js';
import { anyCommand, numbersFrom } from '../../support/platform/any-commands.js';
import { LIVES, applyAny } from '../../support/platform/lives.js';

describe.each(LIVES)('a copy of $name', ({ make }) => {
  test('equals its original at any moment, does the same afterwards, and shows nothing of what the other does', () => {
    const platform = make();
    const next = numbersFrom(7);
    for (let round = 0; round < 3; round++) {
      applyAny(platform, next, 20);
      const before = digestOf(platform);
      const copy = copyPlatform(platform);
      const wild = copyPlatform(copy);
      expect(digestOf(copy)).toBe(before);
      applyAny(wild, numbersFrom(round), 20);
      expect([digestOf(platform), digestOf(copy)]).toEqual([before, before]);

      const commands = Array.from({ length: 20 }, () => {
        const command = anyCommand(platform, next);
        platform.apply({ command, time: 5000 * round });
        return command;
      });
      expect(digestOf(copy)).toBe(before);
      for (const command of commands) copy.apply({ command, time: 5000 * round });
      expect(digestOf(copy)).toBe(digestOf(platform));
    }
  });

  test('shares nothing that a command writes to', () => {
    const platform = make();
    const next = numbersFrom(3);
    applyAny(platform, next, 100);
    const copy = copyPlatform(platform);
    freezeShared(copy);
    applyAny(copy, next, 200);
    expect(copy.revision).toBe(300);
  });
});

test('what no rule knows is refused, with the way to it', () => {
  class Stranger {}
  const platform = LIVES[0].make();
  const { state } = platform.kernel as unknown as { state: { vfio: Record<string, unknown> } };
  state.vfio.guest = new Stranger();
  expect(() => copyPlatform(platform)).toThrow(
    'platform.kernel.state.vfio.guest is of class Stranger, which no copy can have.',
  );
  state.vfio.guest = [1, { call: () => 0 }];
  expect(() => copyPlatform(platform)).toThrow(
    'platform.kernel.state.vfio.guest[1].call is a function, which no copy can have.',
  );
});

test('nobody who listens to the original is rung by its copy', () => {
  const platform = LIVES[0].make();
  let rung = 0;
  platform.events.listen(() => rung++);
  const copy = copyPlatform(platform);
  expect(copy.events.listening).toBe(0);
  applyAny(copy, numbersFrom(1), 20);
  expect([rung, copy.events.last > platform.events.last]).toEqual([0, true]);
});

/** From here on a write to anything two copies share throws. */
function freezeShared(platform: Platform): void {
  const rules = new Map(CLASS_RULES.map((rule) => [rule.type.prototype, rule]));
  const seen = new Set<object>();
  const freeze = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    // The bytes of an array cannot be frozen; what writes to them is tested by comparing whole platforms.
    if (ArrayBuffer.isView(value)) return;
    Object.freeze(value);
    (value instanceof Map ? [...value.values()] : Object.values(value)).forEach(freeze);
  };
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || seen.has(value)) return;
    seen.add(value);
    if (value instanceof Map) for (const [key, held] of value) [key, held].forEach(visit);
    if (value instanceof Set) value.forEach(visit);
    const rule = rules.get(Object.getPrototypeOf(value) as object);
    for (const [field, held] of Object.entries(value)) {
      if (rule?.shared.includes(field)) freeze(held);
      else if (rule?.flat.includes(field)) {
        const contents = held instanceof Map ? [...held.values()] : (held as unknown[]);
        contents.forEach(freeze);
      } else visit(held);
    }
  };
  visit(platform.header);
  freeze(platform.header);
  seen.delete(platform);
  visit(platform);
}
