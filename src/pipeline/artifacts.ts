/** Which of the files that a training left are kept. Pure. */
import picomatch from 'picomatch';

/** Endings of files that hold a trained model. */
const modelEndings = 'keras,h5,hdf5,pt,pth,ckpt,onnx,tflite,safetensors,joblib,pkl,pickle';

/** What is kept where a repository does not say: models, plots and reports. */
export const defaultArtifacts: readonly string[] = [
  `**/*.{${modelEndings}}`,
  '**/*.{png,jpg,svg,pdf}',
  '**/*.{csv,json,txt,html,md}',
];

const isModelName = picomatch(`**/*.{${modelEndings}}`);

/** A file in a run's folder. */
export interface LeftFile {
  /** Relative to the working directory. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
}

export interface ArtifactLimits {
  /** Bytes of one file. */
  readonly file: number;
  /** Bytes of all files of a run. */
  readonly run: number;
}

export interface LeftOut {
  readonly name: string;
  readonly reason: string;
}

export interface ChosenArtifacts {
  /** Models first. */
  readonly kept: readonly LeftFile[];
  readonly leftOut: readonly LeftOut[];
}

/** A folder with more files of the kind is a data set, which nobody asked for; a glob of the repository's own may. */
const mostInFolder = 30;
/** Files of a run. */
const mostFiles = 200;

/**
 * @param globs of the repository; undefined: {@link defaultArtifacts}
 * @param since when the training began: what is older came with the commit
 */
export function chooseArtifacts(
  files: readonly LeftFile[],
  globs: readonly string[] | undefined,
  { since, limits }: { readonly since: number; readonly limits: ArtifactLimits },
): ChosenArtifacts {
  const isWanted = picomatch([...(globs ?? defaultArtifacts)], { dot: false });
  const wanted = files.filter(({ path, modifiedAt }) => modifiedAt >= since && isWanted(path));
  const crowded = globs === undefined ? crowdedFolders(wanted) : new Map<string, number>();
  const candidates = wanted
    .filter(({ path }) => isModel(path) || !crowded.has(folderOf(path)))
    .sort((a, b) => Number(isModel(b.path)) - Number(isModel(a.path)) || (a.path < b.path ? -1 : 1));
  const kept: LeftFile[] = [];
  const leftOut: LeftOut[] = [...crowded].map(([folder, count]) => ({
    name: folder,
    reason: `${count} files in one folder look like data; name them under artifacts: in .pushtune.yml to have them kept`,
  }));
  let total = 0;
  for (const file of candidates) {
    const reason = reasonToLeave(file, total, kept.length, limits);
    if (reason !== undefined) leftOut.push({ name: file.path, reason });
    else {
      kept.push(file);
      total += file.size;
    }
  }
  return { kept, leftOut };
}

/** Whether a file of this name holds a trained model. */
export function isModel(path: string): boolean {
  return isModelName(path);
}

function reasonToLeave({ size }: LeftFile, total: number, count: number, limits: ArtifactLimits): string | undefined {
  if (size > limits.file) return `${size} bytes are more than artifacts.file allows (${limits.file})`;
  if (total + size > limits.run)
    return `with it the run would take more than artifacts.run allows (${limits.run} bytes)`;
  return count === mostFiles ? `a run keeps no more than ${mostFiles} files` : undefined;
}

function crowdedFolders(files: readonly LeftFile[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { path } of files) {
    if (!isModel(path)) counts.set(folderOf(path), (counts.get(folderOf(path)) ?? 0) + 1);
  }
  return new Map([...counts].filter(([, count]) => count > mostInFolder));
}

/** With a slash at its end; empty for the working directory itself. */
function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}
