import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { relax } from '../../src/container/relaxed-requirements.js';

const start = { lines: ['numba==0.50 ; python_version > "3"', 'pkg-resources==0.0.0', 'shap'], changes: [] };

describe('relax', () => {
  it('lets go of a pin first, and then of a package that the script does not import', () => {
    const first = relax(start, { kind: 'missing', name: 'pkg_resources==0.0.0' }, ['shap']);
    assert.deepEqual(first?.lines, ['numba==0.50 ; python_version > "3"', 'shap', 'pkg-resources']);
    const second = relax(first ?? start, { kind: 'missing', name: 'pkg-resources' }, ['shap']);
    assert.deepEqual(second?.lines, ['numba==0.50 ; python_version > "3"', 'shap']);
    assert.deepEqual(second?.changes, [
      'pkg-resources==0.0.0 gives way to the newest, since there is no wheel of it',
      'pkg-resources is left out, since there is no wheel of it and the script does not import it',
    ]);
  });

  it('keeps what the script imports, and knows no way for what another package asks for', () => {
    assert.equal(relax(start, { kind: 'missing', name: 'shap' }, ['SHAP']), undefined);
    assert.equal(relax(start, { kind: 'missing', name: 'llvmlite' }, []), undefined);
  });

  it('lets go of all pins when they contradict each other, once', () => {
    const relaxed = relax(start, { kind: 'conflict' }, []);
    assert.deepEqual(relaxed?.lines, ['numba; python_version > "3"', 'pkg-resources', 'shap']);
    assert.equal(relax(relaxed ?? start, { kind: 'conflict' }, []), undefined);
  });
});
