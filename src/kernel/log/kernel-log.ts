import type { EventSink, KernelEvent, KernelLogged } from '../events.js';

/** A line with the fault record it reports, if it reports one. */
export interface KernelLogLine {
  readonly text: string;
  readonly faultRecord: KernelLogged['faultRecord'];
}

/** Lines printed so far, oldest first; each is also an event. Linux: printk(). */
export class KernelLog {
  private readonly printed: KernelLogLine[] = [];

  constructor(private readonly events: EventSink<KernelEvent>) {}

  get lines(): readonly KernelLogLine[] {
    return this.printed;
  }

  print(text: string, faultRecord: KernelLogged['faultRecord'] = null): void {
    this.printed.push({ text, faultRecord });
    this.events.push({ type: 'KERNEL_LOG', text, faultRecord });
  }

  /** A line about a device: its driver, or its bus while it has none, goes in front. Linux: dev_printk(). */
  printFor(device: { name: string; driver: string | null; bus: { name: string } }, text: string): void {
    this.print(`${device.driver ?? device.bus.name} ${device.name}: ${text}`);
  }
}
