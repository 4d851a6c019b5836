import { toHex } from '../../bits/u64.js';
import type { DmarTable } from '../../layout/dmar/table.js';
import type { ImportWarning } from '../description.js';
import type { BootFacts } from './boot-facts.js';

/** What the log complains about, what it leaves out, and where it contradicts the table. */
export function checkLog(facts: BootFacts, table: DmarTable | null): ImportWarning[] {
  const warnings: ImportWarning[] = [];
  const warn = (line: number | null, message: string) =>
    warnings.push({ source: 'kernelLog', line, message });
  if (facts.commandLine === null)
    warn(null, 'the log has no command line; it does not reach back to the boot');
  for (const { number, text } of facts.complaints) {
    warn(number, `the machine's kernel complained: ${text.slice(text.indexOf('DMAR: ')).slice(0, 200)}`);
  }
  if (!table) return warnings;
  const bases = new Set(
    table.structures.flatMap((structure) =>
      structure.kind === 'DRHD' ? [toHex(structure.registerBase)] : [],
    ),
  );
  for (const { registerBase, index, line } of facts.units) {
    if (!bases.has(toHex(registerBase))) {
      warn(
        line,
        `dmar${index} at ${toHex(registerBase)} is in no DRHD of the table; table and log are of two machines`,
      );
    }
  }
  if (facts.hostAddressWidth !== null && facts.hostAddressWidth !== table.hostAddressWidth) {
    const [logged, tabled] = [facts.hostAddressWidth, table.hostAddressWidth];
    warn(
      null,
      `host address width ${logged} in the log, ${tabled} in the table; table and log are of two machines`,
    );
  }
  return warnings;
}
