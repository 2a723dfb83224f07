/** Looks for the legal, untried point at which an acquisition function is highest. Pure. */
import { positionsOf, toLegalPoint, toValues } from './encoding.js';
import type { Point } from './gaussian-process.js';
import { normal, type Random } from './random.js';
import { sobolPoints } from './sobol.js';
import { countValues, type SearchSpace, type Values } from './space.js';
import type { Untried } from './untried.js';

export interface AcquisitionSearch {
  readonly space: SearchSpace;
  readonly untried: Untried;
  /** The higher, the better; asked about legal points, as they are after rounding, tried or not. */
  acquisition(point: Point): number;
  /** Points near which the maximum may lie: the best trials. */
  readonly promising: readonly Point[];
}

interface Candidate {
  readonly point: Point;
  readonly gain: number;
}

/** Points all over the space, and around each promising point. */
const spread = 2048;
const around = 50;
/** Deviation of the points around a promising one, in units of the unit interval, and how many of its positions differ. */
const aroundDeviation = 0.2;
const changedAxes = 1.5;
const leastChanged = 0.3;
/** Of the best candidates, those are climbed from that lie apart by this much on an axis. */
const climbs = 12;
const apart = 0.05;
/** Steps of a climb along an axis, halved from the first to the last. */
const firstStep = 0.1;
const lastStep = 5e-5;
/** An axis with so few positions is gone through as a whole. */
const fewPositions = 16;
/** A smaller gain is rounding. */
const leastGain = 1e-9;

/** @returns undefined when no legal, untried point was met */
export function searchAcquisition(search: AcquisitionSearch, random: Random): Values | undefined {
  const { space, promising } = search;
  const axes = space.parameters.length;
  const positions = [
    ...sobolPoints(spread, axes, random),
    ...promising.flatMap((point) => Array.from({ length: around }, () => moved(point, random))),
  ];
  const candidates = positions.flatMap((position) => consider(search, position) ?? []).sort((a, b) => b.gain - a.gain);
  const starts: Candidate[] = [];
  for (const candidate of candidates) {
    if (starts.length === climbs) break;
    const isElsewhere = starts.every(({ point }) => isApart(point, candidate.point));
    // Asked last, and of few of them: it is not quick.
    if (isElsewhere && search.untried.has(toValues(space, candidate.point))) starts.push(candidate);
  }
  const [first, ...others] = starts.map((start) => climb(search, start));
  if (first === undefined) return undefined;
  return toValues(space, others.reduce((a, b) => (b.gain > a.gain ? b : a), first).point);
}

function consider({ space, acquisition }: AcquisitionSearch, position: Point): Candidate | undefined {
  const point = toLegalPoint(space, position);
  const gain = acquisition(point);
  return Number.isNaN(gain) ? undefined : { point, gain };
}

function moved(point: Point, random: Random): Point {
  const share = Math.max(leastChanged, changedAxes / point.length);
  return point.map((position) => (random() < share ? clamp(position + aroundDeviation * normal(random)) : position));
}

/** Axis by axis, and on in the direction that the axes led to together (pattern search of Hooke and Jeeves 1961). */
function climb(search: AcquisitionSearch, start: Candidate): Candidate {
  const levels = search.space.parameters.map((parameter) => positionsOf(parameter, fewPositions));
  const cells = search.space.parameters.map((parameter) => 1 / countValues(parameter));
  let best = start;
  for (let step = firstStep; step > lastStep; ) {
    const before = best;
    for (const [axis, here] of before.point.entries()) {
      const reach = Math.max(step, cells[axis] ?? 0);
      // Going through all positions again with a smaller step would find the same.
      const tries = levels[axis] === undefined ? [here + reach, here - reach] : step === firstStep ? levels[axis] : [];
      for (const position of tries) better(best.point.with(axis, clamp(position)));
    }
    if (best === before) step /= 2;
    else better(best.point.map((position, axis) => clamp(2 * position - (before.point[axis] ?? position))));
  }
  return best;

  function better(position: Point): void {
    const candidate = consider(search, position);
    if (candidate === undefined || candidate.gain <= best.gain + leastGain) return;
    if (search.untried.has(toValues(search.space, candidate.point))) best = candidate;
  }
}

function isApart(a: Point, b: Point): boolean {
  return a.some((position, axis) => Math.abs(position - (b[axis] ?? 0)) > apart);
}

function clamp(position: number): number {
  return Math.min(Math.max(position, 0), 1);
}
