/** Who gets a mail. Pure. */

/** One address with one `@`, without anything that could become another address or header. */
const address = /^[^\s\p{Cc}@<>,;:"()[\]\\]+@([A-Za-z0-9.-]+)$/u;
const controlCharacter = /[\p{Cc}\u2028\u2029]/u;

/**
 * The configured addresses, and the author of the push if their address is of an allowed domain. The author's address
 * comes from a commit, where anyone can write anything: hence the domains. Configured entries may carry a name
 * (`Ada <ada@example.com>`); one with a line break or another control character is left out.
 */
export function recipients(
  configured: readonly string[],
  allowedDomains: readonly string[],
  author: { readonly email: string } | undefined,
): string[] {
  const found =
    author !== undefined && isAllowed(author.email, allowedDomains) ? [...configured, author.email] : configured;
  const seen = new Set<string>();
  return found.filter((entry) => {
    const lower = (/<([^<>]+)>\s*$/.exec(entry)?.[1] ?? entry).trim().toLowerCase();
    if (lower === '' || controlCharacter.test(entry) || seen.has(lower)) return false;
    seen.add(lower);
    return true;
  });
}

function isAllowed(email: string, domains: readonly string[]): boolean {
  const domain = address.exec(email)?.[1]?.toLowerCase();
  return domain !== undefined && domains.some((allowed) => allowed.toLowerCase() === domain);
}
