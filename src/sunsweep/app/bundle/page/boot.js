// The page before the app: starts Python's worker and Flutter at once, says how far they are, and what went wrong.
"use strict";

(() => {
  const config = JSON.parse(document.getElementById("boot-config").textContent);
  const SILENT_FOR_MS = 60_000;
  const FAULTS_TOLD = 5;
  const MEGABYTE = 1e6;

  const WORDS = {
    en: {
      loading: (done, all) => `Loading ${done} of ${all} MB`,
      python: "Starting",
      app: "Almost there",
      noWasm: "This browser cannot run Sunsweep: WebAssembly is missing or switched off. A current Firefox, Chrome, " +
        "Edge or Safari can.",
      failed: "Sunsweep could not start. Reloading the page often helps.",
      slow: "This takes unusually long. The connection may be slow or interrupted; you can wait, or reload the page.",
      reload: "Reload",
    },
    es: {
      loading: (done, all) => `Cargando ${done} de ${all} MB`,
      python: "Iniciando",
      app: "Casi listo",
      noWasm: "Este navegador no puede ejecutar Sunsweep: WebAssembly falta o está desactivado. Un Firefox, Chrome, " +
        "Edge o Safari actual sí puede.",
      failed: "Sunsweep no pudo iniciarse. Recargar la página suele ayudar.",
      slow: "Está tardando más de lo normal. La conexión puede ser lenta o haberse interrumpido; puede esperar o " +
        "recargar la página.",
      reload: "Recargar",
    },
    ar: {
      loading: (done, all) => `تم تحميل ${done} من ${all} ميغابايت`,
      python: "جارٍ التشغيل",
      app: "أوشكنا على الانتهاء",
      noWasm: "لا يستطيع هذا المتصفح تشغيل Sunsweep: تقنية WebAssembly غير متوفرة أو معطَّلة. استخدم إصدارًا حديثًا " +
        "من Firefox أو Chrome أو Edge أو Safari.",
      failed: "تعذّر تشغيل Sunsweep. غالبًا ما تساعد إعادة تحميل الصفحة.",
      slow: "يستغرق هذا وقتًا أطول من المعتاد. قد يكون الاتصال بطيئًا أو منقطعًا؛ يمكنك الانتظار أو إعادة تحميل الصفحة.",
      reload: "إعادة التحميل",
    },
  };
  const language = navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => tag in WORDS) ?? "en";
  const words = WORDS[language];
  const figure = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

  const page = document.getElementById("boot");
  const step = document.getElementById("boot-step");
  const bar = document.getElementById("boot-progress");
  const trouble = document.getElementById("boot-trouble");
  const reload = document.getElementById("boot-reload");
  document.documentElement.lang = language;
  // Of this page only: Flutter places what screen readers find as if the document ran from left to right.
  page.dir = language === "ar" ? "rtl" : "ltr";
  reload.textContent = words.reload;
  reload.addEventListener("click", () => location.reload());

  // --- What went wrong

  let watch = 0;
  let isOver = false;

  function say(text) {
    trouble.textContent = text;
    trouble.hidden = reload.hidden = false;
  }

  function heard() {
    clearTimeout(watch);
    if (isOver) return;
    if (trouble.textContent === words.slow) trouble.hidden = reload.hidden = true;
    watch = setTimeout(() => say(words.slow), SILENT_FOR_MS);
  }

  function end() {
    isOver = true;
    clearTimeout(watch);
  }

  function fail(text) {
    if (isOver) return;
    end();
    page.removeAttribute("aria-busy");
    step.hidden = bar.hidden = true;
    say(text);
  }

  let told = 0;

  function report(message, traceback) {
    if (told++ >= FAULTS_TOLD) return;
    const fault = { message, traceback, page: location.pathname, version: config.version };
    fetch("/api/v1/app/errors", {
      method: "POST",
      headers: { "content-type": "application/json", "x-requested-with": "sunsweep" },
      body: JSON.stringify(fault),
      keepalive: true,
    }).catch(() => {}); // there is nobody else to tell
  }

  function faulted(error) {
    report(String(error?.message ?? error), String(error?.stack ?? ""));
    fail(words.failed);
  }

  if (typeof WebAssembly !== "object") {
    fail(words.noWasm);
    return;
  }
  addEventListener("error", (event) => {
    // A resource that did not come has no message, and does not always matter; a script of ours does.
    if (event.message) report(event.message, String(event.error?.stack ?? `${event.filename}:${event.lineno}`));
    else if (event.target instanceof HTMLScriptElement) faulted(`${event.target.src} did not load`);
  }, true);
  addEventListener("unhandledrejection", (event) => report(String(event.reason), String(event.reason?.stack ?? "")));

  // --- How far it is: the bytes of the large files, as they have come

  const [BROTLI, GZIP] = [0, 1];
  const coding = isSecureContext ? BROTLI : GZIP;
  const missing = new Map(Object.entries(config.sizes).map(([name, sizes]) => [name, sizes[coding]]));
  const all = [...missing.values()].reduce((sum, size) => sum + size, 0);
  let isPythonUp = false;

  function arrived(url) {
    const name = [...missing.keys()].find((known) => url.endsWith(`/${known}`));
    if (name === undefined) return;
    missing.delete(name);
    show();
  }

  function show() {
    heard();
    const left = [...missing.values()].reduce((sum, size) => sum + size, 0);
    const share = (all - left) / all;
    // What is loaded has yet to start: that is the last part of the bar.
    bar.value = 0.8 * share + (isPythonUp ? 0.15 : 0);
    if (left > 0) step.textContent = words.loading(figure.format((all - left) / MEGABYTE), figure.format(all / MEGABYTE));
    else step.textContent = isPythonUp ? words.app : words.python;
  }

  new PerformanceObserver((list) => list.getEntries().forEach((entry) => arrived(entry.name)))
    .observe({ type: "resource", buffered: true });
  show();

  // --- Python, in a worker; Flutter calls the three functions below by their names

  let toFlutter = null;
  const early = [];
  let started;
  let refused;
  const isStarted = new Promise((resolve, reject) => {
    started = resolve;
    refused = reject;
  });
  isStarted.catch(() => {}); // Flutter is told where it waits; a start that fails before that is said here

  const worker = new Worker(`${config.app}worker.mjs`, { type: "module" });
  worker.onerror = (event) => {
    faulted(event.message || "the worker did not load");
    refused(event.message);
  };
  worker.onmessage = ({ data }) => {
    if (data instanceof Uint8Array) {
      if (toFlutter) {
        forward(data);
      } else early.push(data);
    } else if (data.arrived) arrived(data.arrived);
    else if (data.fault) {
      report(data.fault.message, data.fault.traceback);
      fail(words.failed); // where there is no page of the app yet, there will be none
    }
    else if (data.failed) {
      faulted(data.failed);
      refused(data.failed.message);
    } else if (data.isStarted) {
      isPythonUp = true;
      show();
      started();
    }
  };
  worker.postMessage({
    runtime: config.runtime,
    app: config.app,
    lock: config.lock,
    libraries: config.libraries,
    program: config.program,
    documentUrl: document.URL,
  });

  globalThis.jsConnect = async (_appId, _args, onMessage) => {
    await isStarted;
    toFlutter = onMessage;
    early.splice(0).forEach(forward);
  };
  globalThis.jsSend = async (_appId, data) => worker.postMessage(data, [data.buffer]);
  globalThis.jsDisconnect = async () => worker.terminate();

  // --- Flutter

  const flutterConfig = {
    entrypointBaseUrl: config.runtime,
    assetBase: config.runtime,
    canvasKitBaseUrl: `${config.runtime}canvaskit/`,
    fontFallbackBaseUrl: `${config.runtime}assets/fonts/`,
    renderer: "canvaskit",
  };
  globalThis.flet = {
    pyodide: true,
    multiView: false,
    noCdn: true,
    webRenderer: "canvaskit",
    routeUrlStrategy: "path",
    ...flutterConfig,
  };

  let hasFrame = false;
  let hasPage = false;

  // Flutter's first frame is an empty one: there is something to see once Python has sent the first part of a page.
  // A packet is a type byte, the head of a list of two, and what it does, by Flet's numbers.
  const PATCH_CONTROL = 2;
  function forward(packet) {
    toFlutter(packet);
    if (hasPage || packet[2] !== PATCH_CONTROL) return;
    hasPage = true;
    leave();
  }

  function leave() {
    if (!hasFrame || !hasPage || isOver) return;
    end();
    performance.mark("sunsweep-usable");
    requestAnimationFrame(() => requestAnimationFrame(() => page.remove()));
  }

  addEventListener("flutter-first-frame", () => {
    hasFrame = true;
    leave();
  }, { once: true });

  const loader = document.createElement("script");
  loader.src = `${config.runtime}flutter.js`;
  loader.addEventListener("load", () => {
    globalThis._flutter.buildConfig = config.buildConfig;
    globalThis._flutter.loader
      .load({
        config: flutterConfig,
        onEntrypointLoaded: async (initializer) => (await initializer.initializeEngine(flutterConfig)).runApp(),
      })
      .catch(faulted);
  });
  document.head.append(loader);

  // WebKit restores a page that one goes back to with Flutter's frames standing still; only a new start recovers.
  addEventListener("pageshow", (event) => {
    if (event.persisted && navigator.vendor?.startsWith("Apple")) location.reload();
  });
})();
