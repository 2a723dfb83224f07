/** Who gets a mail. Pure. */

/** One address, without anything that could become another header. */
const address = /^[^\s<>,;:"()[\]\\]+@[A-Za-z0-9.-]+$/;

/**
 * The configured addresses, and the author of the push if their address is of an allowed domain. The author's address
 * comes from a commit, where anyone can write anything: hence the domains.
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
    const lower = entry.toLowerCase();
    if (seen.has(lower)) return false;
    seen.add(lower);
    return true;
  });
}

function isAllowed(email: string, domains: readonly string[]): boolean {
  const domain = email.split('@')[1]?.toLowerCase();
  return address.test(email) && domains.some((allowed) => allowed.toLowerCase() === domain);
}
