/** What a look at a branch's head means. Pure. */

/** The last known head of a branch. */
export interface BranchHead {
  readonly sha: string;
  /** When it became known, in milliseconds since 1970. */
  readonly at: number;
  /** The heads before it, the latest first. */
  readonly passed: readonly string[];
}

export interface SeenHead {
  readonly sha: string;
  /** Undefined for a branch that was not known. */
  readonly known: BranchHead | undefined;
  /** Whether the repository's branches were looked at before. */
  readonly wasPolled: boolean;
  /** Whether the commit is Pushtune's own. */
  readonly isOwn: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** `record` only writes the head down. */
export type HeadDecision = 'nothing' | 'record' | 'push';

/** For so long after a webhook some machine of a large host may still answer with the head before, in milliseconds. */
const outdatedAnswers = 60_000;

/** A server that starts records what is there: nobody wants all branches trained because the server is new. */
export function decideHead({ sha, known, wasPolled, isOwn, now }: SeenHead): HeadDecision {
  if (sha === known?.sha) return 'nothing';
  if (isOwn || (known === undefined && !wasPolled)) return 'record';
  if (known === undefined) return 'push';
  const isOutdated = known.passed.includes(sha) && now - known.at < outdatedAnswers;
  return isOutdated ? 'nothing' : 'push';
}
