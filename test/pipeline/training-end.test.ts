import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type EndedTraining, explainEnd, type FailureCause } from '../../src/pipeline/training-end.js';

const limits = { memory: 4 * 1024 ** 3, disk: 1.5 * 1024 ** 3, output: 256 * 1024 ** 2, processes: 64, timeout: 7200 };

function explain(end: Partial<EndedTraining>, crash?: string): string {
  return explainEnd('train.py', { reason: 'exited', starts: 1, ...end }, limits, crash);
}

describe('the sentence on a training that did not end well', () => {
  it('says how the script ended when nothing else is known', () => {
    assert.equal(explain({ exitCode: 3 }), 'train.py ended with exit code 3');
    assert.equal(explain({ signal: 9 }), 'train.py was ended by signal 9');
    assert.equal(
      explain({ reason: 'timeout', signal: 9 }),
      'train.py was stopped after its limit of 7200 s (environment.timeout in .pushtune.yml)',
    );
  });

  it('names the limit that was exceeded, and the setting behind it', () => {
    const expected: readonly (readonly [FailureCause, RegExp])[] = [
      [
        { kind: 'out_of_memory' },
        /^out of memory: train\.py needed more than the 4 GiB of environment\.memory; .* \(train\.py was ended by signal 9\)$/,
      ],
      [{ kind: 'disk_full' }, /^the disk is full: train\.py could not write; free space on the server \(/],
      [
        { kind: 'disk_full', place: '/tmp', bytes: 2 * 1024 ** 3 },
        /^\/tmp is full: it holds 2 GiB, a part of environment\.memory; /,
      ],
      [{ kind: 'too_much_written' }, /^train\.py wrote more than the 1\.5 GiB of environment\.disk \(/],
      [{ kind: 'too_much_output' }, /^train\.py printed more than 256 MiB \(training\.output /],
      [
        { kind: 'no_gpu', place: 'PyTorch 2.9' },
        /^environment\.gpus asks for a GPU, and PyTorch 2\.9 sees none: .*Toolkit/,
      ],
      [{ kind: 'too_many_processes' }, /^train\.py started more processes and threads than the 64 it may have /],
    ];
    for (const [cause, sentence] of expected) assert.match(explain({ signal: 9, cause }), sentence);
  });

  it('tells of a container that died under the script what was seen of that', () => {
    const end: Partial<EndedTraining> = { reason: 'crashed_too_often', starts: 3 };
    assert.equal(explain(end), 'the container died 3 times under train.py');
    assert.match(explain(end, 'exit code 137, out of memory'), /, the last time with exit code 137, out of memory$/);
    assert.equal(
      explain({ reason: 'crashed_too_often', starts: 0, cause: { kind: 'disk_full' } }),
      'the disk is full: train.py could not write; free space on the server (train.py was not started)',
    );
  });
});
