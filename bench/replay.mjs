import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openLmdbLog } from '../dist/log/lmdb-log.js';
import { createFromTemplate } from '../dist/platform/create.js';
import { PlatformHost } from '../dist/platform/host.js';
import { programIn } from '../dist/platform/program.js';
import { printRows } from './table.mjs';

const BATCH = 2000;
const PARENT = '0000:6a:01.0';
const UUID = '4b20d080-1b54-4048-85b3-a6a62d165c99';
const DIST = fileURLToPath(new URL('../dist', import.meta.url));
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** A platform with a subdevice, then mappings made and taken back, requests that hit and requests that fault. */
export async function replay(commands) {
  const directory = mkdtempSync(join(process.cwd(), '.bench-replay-'));
  try {
    const { seconds: filling, events } = await fill(directory, commands);
    const { cpu, seconds } = await readBack(directory, commands);
    const behind = await commandsBehind(directory, commands);
    const { seconds: restart, looks } = await restartOf(directory, commands);
    printRows(
      `replay: ${commands} commands, ${events} events`,
      ['what', 'time', 'commands/s'],
      [
        ['commanded, one client', `${filling.toFixed(1)} s`, (commands / filling).toFixed(0)],
        ['replay, CPU', `${cpu.toFixed(1)} s`, (commands / cpu).toFixed(0)],
        ['replay', `${seconds.toFixed(1)} s`, (commands / seconds).toFixed(0)],
        [
          `restart with a snapshot ${behind} commands old: from the start of the process to its first answer`,
          `${restart.toFixed(1)} s`,
          (commands / restart).toFixed(0),
        ],
        [
          'then a look at half of the commands: from an older snapshot, leaving checkpoints',
          `${looks[0].toFixed(1)} s`,
          '-',
        ],
        ['then a look at a thousand commands before that', `${looks[1].toFixed(1)} s`, '-'],
      ],
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function fill(directory, commands) {
  const host = await PlatformHost.open(await openLmdbLog(directory), Date.now, null, {
    program: programIn(DIST),
    warn: (message) => console.warn(message),
  });
  const platform = await createFromTemplate(host, 'demo', 'sapphire-rapids', {});
  const began = performance.now();
  const first = [
    { type: 'enableFeature', device: PARENT, feature: 'AUX' },
    { type: 'createMdev', parent: PARENT, mdevType: 'idxd-1dwq-v1', uuid: UUID },
    { type: 'allocDomain', bus: 'mdev', domainType: 'UNMANAGED' },
  ];
  for (const command of first) await host.perform('demo', command);
  const domain = [...platform.kernel.domains.keys()].at(-1);
  const endpoint = { kind: 'Subdevice', name: UUID };
  await host.perform('demo', { type: 'attach', domain, target: endpoint });
  for (let next = platform.revision; next < commands; next += BATCH) {
    const count = Math.min(BATCH, commands - next);
    await Promise.all(
      Array.from({ length: count }, (_, index) => host.perform('demo', work(next + index, domain, endpoint))),
    );
  }
  assert.equal(platform.revision, commands);
  const seconds = (performance.now() - began) / 1000;
  const events = platform.events.last;
  await host.close();
  return { seconds, events };
}

function work(step, domain, endpoint) {
  const iova = { hi: 0, lo: ((step >> 3) % 100_000) * 4096 };
  switch (step % 8) {
    case 0:
      return {
        type: 'map',
        domain,
        iova,
        physical: { hi: 1, lo: iova.lo },
        size: { hi: 0, lo: 4096 },
        read: true,
        write: true,
      };
    case 7:
      return { type: 'unmap', domain, iova, size: { hi: 0, lo: 4096 } };
    case 6:
      return {
        type: 'dma',
        endpoint,
        pasid: 'OWN',
        address: { hi: 0x10, lo: iova.lo },
        size: 8,
        access: 'READ',
        data: null,
        translation: 'UNTRANSLATED',
      };
    default:
      return {
        type: 'dma',
        endpoint,
        pasid: 'OWN',
        address: iova,
        size: 8,
        access: 'WRITE',
        data: new Uint8Array(8).fill(step),
        translation: 'UNTRANSLATED',
      };
  }
}

async function readBack(directory, commands) {
  const log = await openLmdbLog(directory);
  const cpu = process.cpuUsage();
  const began = performance.now();
  const host = await PlatformHost.open(log);
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  assert.equal(host.platform('demo').revision, commands);
  await host.close();
  return { cpu: (user + system) / 1e6, seconds };
}

/** How many commands came after the newest snapshot. */
async function commandsBehind(directory, commands) {
  const log = await openLmdbLog(directory);
  const snapshot = await log.snapshot('demo');
  await log.close();
  return commands - (snapshot?.revision ?? 0);
}

/** Seconds to the first answer, and of two looks at the past after it. */
async function restartOf(directory, commands) {
  const began = performance.now();
  const child = spawn(process.execPath, [MAIN, 'serve', '--port', '0', '--data-dir', directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const url = / serves (\S+)$/.exec(line)?.[1];
      if (url === undefined) continue;
      const ask = async (query) => {
        const answer = await fetch(`${url}?query=${encodeURIComponent(query)}`);
        assert.equal(answer.status, 200);
        return (await answer.json()).data.platform;
      };
      assert.equal((await ask('{ platform(name: "demo") { revision } }')).revision, commands);
      const seconds = (performance.now() - began) / 1000;
      const looks = [];
      for (const revision of [commands / 2, commands / 2 - 1000]) {
        const asked = performance.now();
        const { at } = await ask(`{ platform(name: "demo") { at(revision: ${revision}) { revision } } }`);
        assert.equal(at.revision, revision);
        looks.push((performance.now() - asked) / 1000);
      }
      return { seconds, looks };
    }
    throw new Error('the server ended before it served');
  } finally {
    child.kill('SIGKILL');
  }
}
