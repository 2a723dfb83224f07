import { importedModules, type Project } from './project.js';
import { standardLibrary } from './standard-library.js';

/**
 * Third-party top-level modules that the main script and the local modules it reaches import, wherever the statement
 * stands (in functions, under `try`), sorted. Standard library and local modules are left out.
 */
export function thirdPartyImports(project: Project): readonly string[] {
  const found = new Set<string>();
  for (const module of project.modules) {
    for (const dotted of importedModules(module)) {
      const top = dotted.split('.')[0] ?? '';
      if (top !== '' && !standardLibrary.has(top) && !project.localModule(module.file, top).local) {
        found.add(top);
      }
    }
  }
  return [...found].sort();
}
