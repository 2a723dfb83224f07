import { readNotebook } from './notebook.js';

/** Where the script that a notebook is run as stands: beside the notebook, under a name that a traceback explains. */
export function notebookScriptPath(notebook: string): string {
  return `${notebook}.py`;
}

/**
 * A notebook as a script: the code that is analysed, with what Jupyter gives to a notebook and Python does not. Jupyter
 * runs a notebook in its own folder, so that paths such as `../data` lead from there.
 *
 * @param text of the `.ipynb` file
 * @throws PythonSyntaxError when the file is no notebook
 */
export function notebookScript(notebook: string, text: string): string {
  return `# Made by Pushtune from ${notebook.slice(notebook.lastIndexOf('/') + 1)}: the code of its cells.
import os
os.chdir(os.path.dirname(os.path.abspath(__file__)))
del os, __file__
try:
    from IPython.display import display
except ImportError:
    display = print

${readNotebook(notebook, text).code}`;
}
