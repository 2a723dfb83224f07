/** What came of a study, for people: the curve, the best trial against the first, and what made the difference. Pure. */
import { type Importance, importances } from '../tuning/importance.js';
import { describeChange } from './commit-message.js';
import { formatFigure } from './figure.js';
import { bestTrial, isBetter, type Study, toHistory } from './study.js';

export interface StudySummary {
  /** Of each trial the best metric so far; undefined before the first that was measured. */
  readonly bestSoFar: readonly (number | undefined)[];
  /** Undefined while the trials do not tell. */
  readonly importance?: readonly Importance[];
  /** What made the difference, in a sentence. */
  readonly difference?: string;
  /** The best trial against the first, in a sentence. */
  readonly progress?: string;
}

/** A parameter with less than this is not named as the second one. */
const worthNaming = 0.1;

/** Takes 0.2 s for 50 trials of ten parameters and 0.8 s for 150: `threads/summary.ts` does it beside the event loop. */
export function summarise(study: Study): StudySummary {
  const importance = study.space === undefined ? undefined : importances(study.space, study.trials.map(toHistory));
  const difference = differenceSentence(importance);
  const progress = progressSentence(study);
  return {
    bestSoFar: bestSoFar(study),
    ...(importance === undefined ? {} : { importance }),
    ...(difference === undefined ? {} : { difference }),
    ...(progress === undefined ? {} : { progress }),
  };
}

/** `The learning rate explains 61 % of the difference between the trials, the optimizer 17 %.` */
function differenceSentence(importance: readonly Importance[] | undefined): string | undefined {
  const [first, second] = importance ?? [];
  if (first === undefined) return undefined;
  const name = spell(first.name);
  const verb = /[^s]s$/.test(first.name) ? 'explain' : 'explains';
  const others = second === undefined || second.share < worthNaming ? '' : `, ${spell(second.name)} ${share(second)}`;
  return `${name.charAt(0).toUpperCase()}${name.slice(1)} ${verb} ${share(first)} of the difference between the trials${others}.`;
}

/** `val_accuracy 41.0 % → 98.0 % with learning_rate 0.003 → 0.01, filters 8 → 32.` */
function progressSentence(study: Study): string | undefined {
  const best = bestTrial(study);
  const [first] = study.trials;
  if (best === undefined || first === undefined || study.trials.length < 2) return undefined;
  const { name, value } = best.metric;
  if (best.number === first.number)
    return `No trial was better than what was pushed (${name} ${formatFigure(value, name)}).`;
  const before = first.metric === undefined ? '' : `${formatFigure(first.metric.value, name)} → `;
  return `${name} ${before}${formatFigure(value, name)} with ${describeChange(first.values, best.values)}.`;
}

function bestSoFar(study: Study): readonly (number | undefined)[] {
  let best: number | undefined;
  return study.trials.map(({ state, metric }) => {
    if (state === 'completed' && metric !== undefined && (best === undefined || isBetter(study, metric.value, best)))
      best = metric.value;
    return best;
  });
}

/** Names of one's own stay as they are written; `learning_rate` is a word. */
function spell(name: string): string {
  return /^[a-z]+(_[a-z]+)*$/.test(name) ? `the ${name.replaceAll('_', ' ')}` : name;
}

function share({ share: part }: Importance): string {
  return `${Math.round(part * 100)} %`;
}
