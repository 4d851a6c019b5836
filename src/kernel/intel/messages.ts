import { type U64, equalU64 } from '../../bits/u64.js';
import type { KernelState } from '../state.js';
import { handleFaults } from './fault-handler.js';
import { handlePageRequests } from './page-requests.js';

/** A message a unit sent on its own behalf reached the processor. */
export function handleUnitMessage(
  state: KernelState,
  registerBase: U64,
  _address: U64,
  vector: number,
): void {
  const unit = state.units.find((each) => equalU64(each.registerBase, registerBase));
  if (unit === undefined) return;
  if (vector === unit.faultVector) handleFaults(state, unit);
  else if (vector === unit.pageRequestVector) handlePageRequests(state, unit);
}
