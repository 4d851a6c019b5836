/** What the boot command line says of a parameter of a module: the last word counts; null when it says nothing. */
export function moduleParameter(commandLine: string, module: string, name: string): string | null {
  const pattern = new RegExp(`(?:^|\\s)${module.replace(/_/g, '[-_]')}\\.${name}(?:=(\\S*))?(?=\\s|$)`, 'g');
  const last = [...commandLine.matchAll(pattern)].at(-1);
  // A switch without a value is on. Linux: param_set_bool().
  return last === undefined ? null : (last[1] ?? '1');
}

/** Linux: strtobool(). */
export function isSwitchOn(text: string | null): boolean {
  return text !== null && /^(?:y|t|1|on)/i.test(text);
}
