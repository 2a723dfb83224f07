/** Durations and sizes as people write them in YAML: `2h`, `90s`, `4g`, `512m`. */
import { z } from 'zod';

const durationUnits: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
/** Docker's meaning of the letters: powers of 1024. */
const sizeUnits: Readonly<Record<string, number>> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** Seconds, from a number of seconds or a text such as `90s`, `30m`, `2h`, `1d`. */
export const seconds = measure(durationUnits, 'expects a duration such as 90s, 30m or 2h').pipe(z.number().positive());

/** Bytes, from a number of bytes or a text such as `512m` or `4g`. */
export const bytes = measure(sizeUnits, 'expects a size such as 512m or 4g').pipe(z.number().positive());

function measure(units: Readonly<Record<string, number>>, expectation: string) {
  return z.union([z.number(), z.string()], { error: expectation }).transform((value, context) => {
    if (typeof value === 'number') return value;
    const [, amount, unit] = /^(\d+(?:\.\d+)?)\s*([a-z])$/i.exec(value.trim()) ?? [];
    const factor = unit === undefined ? undefined : units[unit.toLowerCase()];
    if (amount !== undefined && factor !== undefined) return Number(amount) * factor;
    context.addIssue({ code: 'custom', message: expectation });
    return z.NEVER;
  });
}

/** A duration as it is written in a configuration: `10m`, `90s`. */
export function formatDuration(amount: number): string {
  const [unit, factor] = Object.entries(durationUnits).findLast(([, size]) => amount % size === 0) ?? ['s', 1];
  return `${amount / factor}${unit}`;
}
