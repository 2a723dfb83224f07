import type { z } from 'zod';

/** Values under such keys never stand in an error, since errors end in logs. */
const secret = /secret|token|password|key/i;

/** One line for a person: for each mistake the key, what stands there and what is expected. */
export function explainIssues(error: z.ZodError, input: unknown): string {
  return error.issues
    .map((issue) => {
      const key = issue.path.length === 0 ? 'the file' : issue.path.join('.');
      const got = secret.test(key) ? undefined : valueAt(input, issue.path);
      return `${key}: ${issue.message}${got === undefined ? '' : `, got ${shorten(JSON.stringify(got))}`}`;
    })
    .join('; ');
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((parent, key) => {
    if (typeof parent !== 'object' || parent === null) return undefined;
    return Reflect.get(parent, key);
  }, value);
}

function shorten(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 77)}…`;
}
