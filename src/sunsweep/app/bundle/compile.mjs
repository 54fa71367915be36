// Run a Python program over folders of this computer, in Pyodide under Node: compile.mjs PYODIDE PROGRAM [FOLDER SHOWN]…
import { readFileSync } from "node:fs";

const [pyodideFolder, program, ...words] = process.argv.slice(2);
const { loadPyodide } = await import(`${pyodideFolder}/pyodide.mjs`);
const python = await loadPyodide({ indexURL: pyodideFolder });
const argv = [program];
for (let i = 0; i < words.length; i += 2) {
  const mounted = `/mounted/${i}`;
  python.FS.mkdirTree(mounted);
  python.mountNodeFS(mounted, words[i]);
  argv.push(mounted, words[i + 1]);
}
python.globals.set("words", python.toPy(argv));
python.runPython("import sys; sys.argv = words; __name__ = '__main__'");
python.runPython(readFileSync(program, "utf8"), { filename: program });
