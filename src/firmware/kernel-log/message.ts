/** Characters of a line that are looked at; the kernel's own limit is below 1024. Linux: LOG_LINE_MAX. */
const LONGEST = 4000;

/** Colours of `dmesg --color`. */
// eslint-disable-next-line no-control-regex
const COLOUR = /\u001b\[[\d;]{0,16}m/g;
/** Marks of a quoting mail, and line numbers of `grep -n`. */
const QUOTE = /^(?:[\s>|]+)?(?:\d{1,9}[:-])?/;
/** `May 30 17:35:46 host kernel: ` of syslog and the journal. */
const SYSLOG = /^.{0,160}?\bkernel(?:\[\d{1,9}\])?: {0,4}/;
const REPEATED = /^message repeated \d{1,9} times: \[ ?/;
/** `<4>` of the ring buffer, `kern  :err   : ` of `dmesg -x`, `3,1234,5678,-;` of /dev/kmsg. */
const LEVEL =
  /^(?:<\d{1,3}>|(?:kern|user|daemon|syslog) *: ?(?:emerg|alert|crit|err|warn|notice|info|debug) *: |\d{1,4},\d{1,12},\d{1,20},[^;]{0,40};)/;
/** `[   12.546920] `, `[Thu Oct 22 08:54:51 2020] `, `[    T1] `. */
const STAMP = /^\[[^\]]{0,40}\d[^\]]{0,40}\] ?/;

/** What the kernel printed: the line without everything that log readers and mail programs put in front. */
export function messageOf(line: string): string {
  let text = line.slice(0, LONGEST).replace(COLOUR, '').replace(QUOTE, '');
  for (const prefix of [LEVEL, SYSLOG, REPEATED, LEVEL, STAMP, STAMP]) text = text.replace(prefix, '');
  return text.trim();
}
