/**
 * Import names whose PyPI package is called differently. `cv2` becomes the headless build, since a training container
 * has no display and the full build needs libGL.
 */
const packageOfImport: ReadonlyMap<string, string> = new Map([
  ['attr', 'attrs'],
  ['bs4', 'beautifulsoup4'],
  ['Bio', 'biopython'],
  ['cairo', 'pycairo'],
  ['community', 'python-louvain'],
  ['Crypto', 'pycryptodome'],
  ['cv2', 'opencv-python-headless'],
  ['dateutil', 'python-dateutil'],
  ['docx', 'python-docx'],
  ['dotenv', 'python-dotenv'],
  ['faiss', 'faiss-cpu'],
  ['fitz', 'PyMuPDF'],
  ['flask_cors', 'Flask-Cors'],
  ['git', 'GitPython'],
  ['github', 'PyGithub'],
  ['google', 'protobuf'],
  ['hydra', 'hydra-core'],
  ['imblearn', 'imbalanced-learn'],
  ['IPython', 'ipython'],
  ['jose', 'python-jose'],
  ['jwt', 'PyJWT'],
  ['keras', 'tensorflow'],
  ['keras_contrib', 'keras-contrib'],
  ['keras_preprocessing', 'keras-preprocessing'],
  ['kerastuner', 'keras-tuner'],
  ['keras_tuner', 'keras-tuner'],
  ['mpl_toolkits', 'matplotlib'],
  ['MySQLdb', 'mysqlclient'],
  ['nacl', 'PyNaCl'],
  ['OpenSSL', 'pyOpenSSL'],
  ['PIL', 'pillow'],
  ['pkg_resources', 'setuptools'],
  ['psycopg2', 'psycopg2-binary'],
  ['pylab', 'matplotlib'],
  ['pytorch_lightning', 'pytorch-lightning'],
  ['pywt', 'PyWavelets'],
  ['ruamel', 'ruamel.yaml'],
  ['serial', 'pyserial'],
  ['skimage', 'scikit-image'],
  ['sklearn', 'scikit-learn'],
  ['skopt', 'scikit-optimize'],
  ['slugify', 'python-slugify'],
  ['socketio', 'python-socketio'],
  ['tensorflow_addons', 'tensorflow-addons'],
  ['tensorflow_datasets', 'tensorflow-datasets'],
  ['tensorflow_hub', 'tensorflow-hub'],
  ['tensorflow_model_optimization', 'tensorflow-model-optimization'],
  ['tensorflow_probability', 'tensorflow-probability'],
  ['tensorflow_text', 'tensorflow-text'],
  ['telegram', 'python-telegram-bot'],
  ['tf_keras', 'tf-keras'],
  ['umap', 'umap-learn'],
  ['usb', 'pyusb'],
  ['wx', 'wxPython'],
  ['yaml', 'PyYAML'],
  ['zmq', 'pyzmq'],
]);

/** The PyPI package that brings an import name; the name itself where nothing else is known. */
export function packageFor(importName: string): string {
  return packageOfImport.get(importName) ?? importName;
}

/** PyPI packages for import names, without repetitions, sorted. */
export function packagesFor(importNames: readonly string[]): readonly string[] {
  return [...new Set(importNames.map(packageFor))].sort();
}
