// A process whose platform is commanded until it is killed, and that says on stdout what was acknowledged.
// argv: the folder of the build, the data directory, a seed.
const [, , dist, directory, seed] = process.argv;
const { openLmdbLog } = await import(`${dist}/log/lmdb-log.js`);
const { PlatformHost } = await import(`${dist}/platform/host.js`);
const { createFromTemplate } = await import(`${dist}/platform/create.js`);
const { digestOf } = await import(`${dist}/platform/digest.js`);

console.log('starting');
const host = await PlatformHost.open(await openLmdbLog(directory), Date.now, null, {
  program: 'under load',
  interval: 50,
  warn: (message) => console.log(`warning ${message}`),
});
if (host.platform('desk') === null) await createFromTemplate(host, 'desk', 'legacy-desktop', {});
const platform = host.platform('desk');
console.log(`state ${platform.revision} ${digestOf(platform)}`);

let state = Number(seed) >>> 0;
function draw(bound) {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  return Math.floor((state / 2 ** 32) * bound);
}
const low = (lo) => ({ hi: 0, lo });

/** What works, what the kernel refuses, and what faults, each unlike any other by the word it pokes. */
function command() {
  const domains = [...platform.kernel.domains.values()].filter(({ type }) => type === 'UNMANAGED');
  const domain = domains[draw(domains.length)]?.number;
  const kind = draw(10);
  if (domain === undefined || kind === 0) return { type: 'allocDomain', bus: 'pci', domainType: 'UNMANAGED' };
  if (kind === 1 && domains.length > 20) return { type: 'freeDomain', domain };
  const iova = low(draw(64) * 4096);
  if (kind < 5)
    return {
      type: 'map',
      domain,
      iova,
      physical: low(draw(1000) * 4096),
      size: low(4096 << draw(3)),
      read: true,
      write: true,
    };
  if (kind < 7) return { type: 'unmap', domain, iova, size: low(4096) };
  return {
    type: 'pokeMemory',
    address: 0x1000000 + draw(100) * 8,
    words: [{ hi: state, lo: draw(2 ** 32) }],
  };
}

// Several clients at once, so that a kill lands inside group commits.
async function client() {
  for (;;) {
    const asked = command();
    try {
      const { revision, firstSequence, lastSequence } = await host.perform('desk', asked);
      console.log(`acknowledged ${revision} ${firstSequence} ${lastSequence} ${JSON.stringify(asked)}`);
      if (revision % 64 === 0 && revision === platform.revision)
        console.log(`state ${revision} ${digestOf(platform)}`);
    } catch (error) {
      // A domain that was freed meanwhile.
      if (error.name !== 'NotFoundError') throw error;
    }
  }
}
await Promise.all(Array.from({ length: 8 }, client));
