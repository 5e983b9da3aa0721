/** How long the processor has worked on this process, in milliseconds. While it works on others, as on
 *  a busy machine, the clock goes on and this does not. */
export function workedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
