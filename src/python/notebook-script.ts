import { readNotebook } from './notebook.js';

/** Where the script that a notebook is run as stands: beside the notebook. */
export function notebookScriptPath(notebook: string): string {
  return `${notebook}.py`;
}

/** The folder in which a main file runs, with a slash at its end; empty for the repository's root. */
export function workingFolder(main: string): string {
  return main.endsWith('.ipynb') ? main.slice(0, main.lastIndexOf('/') + 1) : '';
}

/**
 * A notebook as a script: it runs the cells as they were analysed, magics replaced, in the notebook's own folder. Jupyter,
 * VS Code and nbconvert start a notebook there, so that is where `../data` and `sys.path.append('..')` lead from.
 *
 * @param text of the `.ipynb` file
 * @throws PythonSyntaxError when the file is no notebook
 */
export function notebookScript(notebook: string, text: string): string {
  const { code, cells } = readNotebook(notebook, text);
  const name = notebook.slice(notebook.lastIndexOf('/') + 1);
  // A JSON string is a Python string as well.
  return `# Made by Pushtune from ${JSON.stringify(name)}, whose cells it runs; change the notebook instead.
__import__("pushtune_hooks.cells").cells.run(
    ${JSON.stringify(notebook)},
    [
${cells.map(({ number, from, to }) => `        (${number}, ${JSON.stringify(code.slice(from, to))}),\n`).join('')}    ],
)
`;
}
