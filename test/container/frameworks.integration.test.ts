/** Frameworks find in their container what they need: a home, temporary files, shared memory, caches. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, it } from 'node:test';
import { ensureEnvironmentImage } from '../../src/container/images.js';
import { printed, startHost, type TrainingHost } from '../support/training-host.js';

let host: TrainingHost;
let image: string;
before(async () => {
  host = await startHost();
  const options = { dataDirectory: host.data, onProgress: () => {} };
  image = (await ensureEnvironmentImage(host.docker, { environment: 'tensorflow', ...options })).tag;
});
after(() => host.close());

const script = (url: string): string => `import json, multiprocessing, os, tempfile
import matplotlib.pyplot as pyplot
import keras, numpy
import tensorflow as tf


def square(number):
    return number * number


if __name__ == "__main__":
    path = keras.utils.get_file("digits.npz", "${url}")
    data = tf.data.Dataset.from_tensor_slices((numpy.ones((64, 4)), numpy.ones(64))).batch(8).cache(tempfile.mkdtemp() + "/cache")
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(loss="mse", jit_compile=True)
    model.fit(data, epochs=2, verbose=0)
    model.save("model.keras")
    model.save("/tmp/model.keras")
    pyplot.plot([1, 2])
    pyplot.savefig("curve.png")
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        squares = pool.map(square, range(3))
    print(json.dumps({
        "path": path,
        "text": open(path).read(),
        "squares": squares,
        "files": sorted(name for name in os.listdir() if name != "__pycache__"),
    }))
`;

it('TensorFlow, Matplotlib and multiprocessing work, and a data set is downloaded once for all containers', async () => {
  let downloads = 0;
  const server = createServer((_request, response) => {
    downloads += 1;
    response.end('data');
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const { port } = server.address() as AddressInfo;
  const { IPAM } = await host.docker.getNetwork('bridge').inspect();
  const url = `http://${IPAM?.Config?.[0]?.Gateway}:${port}/digits.npz`;
  try {
    for (const processes of [512, 511]) {
      const limits = { memory: 2 * 1024 ** 3, processes, network: 'bridge' };
      const training = await host.train(script(url), { image, limits });
      assert.deepEqual(printed(training), {
        path: '/tmp/home/.keras/datasets/digits.npz',
        text: 'data',
        squares: [0, 1, 4],
        files: ['curve.png', 'model.keras', 'train.py'],
      });
      assert.doesNotMatch(training.log, /not a writable directory|Read-only|Permission denied/);
    }
    assert.equal(downloads, 1);
  } finally {
    server.close();
  }
});
