// Python in a worker of its own: loads it, hands it the app, and carries what it and Flutter say to each other.

new PerformanceObserver((list) => list.getEntries().forEach((entry) => postMessage({ arrived: entry.name })))
  .observe({ type: "resource", buffered: true });

const bridge = {}; // what Flet's connection expects under the name flet_js
const waiting = [];

onmessage = ({ data }) => {
  onmessage = ({ data: packet }) => (bridge.send ? bridge.send(packet) : waiting.push(packet));
  start(data).catch((error) => postMessage({ failed: { message: String(error), stack: error.stack } }));
};

async function start({ runtime, app, lock, libraries, program, documentUrl }) {
  const packs = [fetched(`${runtime}libraries.pack`), fetched(`${app}program.pack`)];
  const { loadPyodide } = await import(`${runtime}pyodide/pyodide.mjs`);
  const python = await loadPyodide({
    indexURL: `${runtime}pyodide/`,
    packageBaseUrl: `${runtime}pyodide/`,
    lockFileContents: lock,
    stdout: (text) => console.log(text),
    stderr: (text) => console.error(text),
  });
  for (const [folder, pack] of [[libraries, packs[0]], [program, packs[1]]]) unpack(python.FS, folder, await pack);
  python.registerJsModule("flet_js", Object.assign(bridge, { documentUrl }));
  python.registerJsModule("sunsweep_page", {
    report: (message, traceback) => postMessage({ fault: { message, traceback } }),
  });
  await python.runPythonAsync(`
import runpy, sys
sys.path[:0] = [${JSON.stringify(program)}, ${JSON.stringify(libraries)}]
runpy.run_module("sunsweep.app.main", run_name="__main__")
`);
  await bridge.start_connection(toFlutter);
  waiting.splice(0).forEach((packet) => bridge.send(packet));
  postMessage({ isStarted: true });
}

async function fetched(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

function unpack(fs, folder, pack) {
  const headSize = new DataView(pack.buffer).getUint32(0, true);
  let offset = 4 + headSize;
  const made = new Set();
  for (const [path, size] of JSON.parse(new TextDecoder().decode(pack.subarray(4, offset)))) {
    const file = `${folder}/${path}`;
    const parent = file.slice(0, file.lastIndexOf("/"));
    if (!made.has(parent)) {
      fs.mkdirTree(parent);
      made.add(parent);
    }
    fs.writeFile(file, pack.subarray(offset, offset + size), { canOwn: true });
    offset += size;
  }
}

function toFlutter(message) {
  // A copy of Python's bytes: its buffer can be handed over instead of being copied once more.
  const packet = message.toJs();
  postMessage(packet, [packet.buffer]);
}
