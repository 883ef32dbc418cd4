/* One image, large, with all that is known of it.  Keys: left and right go through the images of
 * the cell, up and down to the cells above and below in the grid, Escape closes. */

let current = null; // {cell, index}

const dialog = () => document.getElementById("viewer");

const move = (by) => {
    const n = ggdm.imagesOf(current.cell);
    show(current.cell, (current.index + by + n) % n);
};

/* The next cell along the axis of the grid's rows (or the only one). */
const change = (by) => {
    const { run } = ggdm;
    const list = run.cells.filter((k) => ggdm.imagesOf(k) > 0);
    const name = ggdm.view.get("images.rows") ?? document.getElementById("images.rows")?.value;
    const axis = run.axis(name) ?? run.axes[0];
    if (!axis) return;
    const line = list.filter((k) => run.axes.every((a) => a === axis || k.at[a.index] === current.cell.at[a.index]));
    const candidates = d3.sort(line.length > 1 ? line : list, (k) => k.at[axis.index]);
    const next = candidates[candidates.indexOf(current.cell) + by];
    if (next) show(next, Math.min(current.index, ggdm.imagesOf(next) - 1));
};

const keys = { ArrowLeft: () => move(-1), ArrowRight: () => move(1), ArrowUp: () => change(-1), ArrowDown: () => change(1) };

const button = (text, label, onclick) => ggdm.h("button", { type: "button", "aria-label": label, title: label, onclick }, text);

const term = (name, ...what) => [ggdm.h("dt", {}, name), ggdm.h("dd", {}, what)];

const percent = (p) => (p === null || p === undefined ? "–" : `${(100 * p).toFixed(1)}\u202f%`);

const who = (name) => {
    const known = [ggdm.run.judge, ggdm.run.guide].find((c) => c?.name === name);
    return known && known.title !== name ? `${name} (${known.title})` : name;
};

/* "takes it for 3 (97.1 %); aimed at: 0 (1.2 %)"; numbers as they are. */
const scoreTerms = (cell, verdict) =>
    verdict.scores.map(({ name, score }) => {
        if (!Array.isArray(score)) return term(name, String(Number(score.toPrecision(4))));
        const [predicted, p, ofAim] = score;
        const rest = ofAim === undefined || cell.aim === null || cell.aim === undefined ? "" : predicted === cell.aim ? ": right" : `; aimed at: ${cell.aim} (${percent(ofAim)})`;
        return term(who(name), `takes it for ${predicted} (${percent(p)})${rest}`);
    });

/* What a classifier takes the images of the cell for, the most frequent first. */
const histogramTerms = (cell) =>
    Object.entries(cell.histograms ?? {}).map(([name, counts]) => {
        const seen = d3.sort(counts.map((n, c) => [c, n]).filter(([, n]) => n > 0), ([, n]) => -n);
        const text = seen.slice(0, 6).map(([c, n]) => `${c} (${n})`).join(", ");
        return seen.length ? term(`${who(name)} takes them for`, text + (seen.length > 6 ? ", …" : "")) : [];
    });

const linksOf = (cell) => {
    const files = ggdm.run.files.filter((f) => f.startsWith(`archive/${cell.cell}/`));
    return files.length ? term("files", files.map((f, i) => [i ? ", " : "", ggdm.h("a", { href: encodeURI(f) }, f.split("/").slice(2).join("/"))])) : [];
};

const facts = (cell, index) => {
    const { run } = ggdm;
    const verdict = ggdm.verdictOf(cell, index);
    const lost = verdict.step === null || verdict.step < 0 ? "diverged" : `diverged in step ${verdict.step}`;
    const state = verdict.lost ? term("this image", ggdm.h("strong", { class: "bad" }, lost)) : [];
    const shown = run.columns.filter((c) => run.value(cell, c) !== null).slice(0, 8);
    const list = (...terms) => ggdm.h("dl", { class: "facts" }, terms);
    return ggdm.h(
        "div",
        {},
        list(
            run.axes.map((a) => term(a.title, a.texts[cell.at[a.index]])),
            state,
            scoreTerms(cell, verdict),
            term("again", ggdm.h("code", {}, `ggdm replay . --cell ${cell.cell} --image ${index} --out replay`))),
        ggdm.h("h3", {}, `Of all images of ${cell.cell}`),
        list(shown.map((c) => term(c.label, ggdm.valueText(c, cell.columns[c.name]))), histogramTerms(cell), linksOf(cell)));
};

/* The other images of the cell, in one canvas that can be clicked. */
const strip = (cell, index) => {
    const n = ggdm.imagesOf(cell);
    const first = Math.max(0, Math.min(index - 6, n - 12));
    const indices = d3.range(first, Math.min(first + 12, n));
    return ggdm.h("div", { class: "strip", role: "group", "aria-label": `Images of ${cell.cell}` }, indices.map((i) => {
        const canvas = ggdm.h("canvas", { class: "pixels", width: 1, height: 1 });
        ggdm.drawImages(canvas, cell, [i], 1, 40, true).catch(() => canvas.remove());
        const lost = ggdm.lost(cell, i) ? ", diverged" : "";
        return ggdm.h("button", { type: "button", "aria-label": `Image ${i}${lost}`, "aria-current": i === index ? "true" : null, onclick: () => show(cell, i) }, canvas);
    }));
};

const traceOf = (cell, index) => {
    const trace = (ggdm.run.traces[cell.cell] ?? []).find((t) => t.image === index);
    if (!trace) return null;
    const text = `How image ${index} of ${cell.cell} came to be: x_t above, x0-hat below, from noise at the left to the image at the right`;
    return ggdm.h("figure", { class: "trace" }, ggdm.h("img", { src: encodeURI(trace.file), alt: text }), ggdm.h("figcaption", {}, text));
};

const largeSide = ([w, h]) => {
    const room = Math.min(innerWidth - 90, 380, (innerHeight - 260) * (w / h));
    return w >= room ? Math.max(room, 64) : w * Math.max(1, Math.floor(room / w));
};

const show = (cell, index) => {
    current = { cell, index };
    ggdm.view.set("image", `${cell.cell}.${index}`);
    const focus = document.activeElement?.getAttribute("aria-label");
    const n = ggdm.imagesOf(cell);
    const title = `${cell.cell}, image ${index} (of 0 to ${n - 1})`;
    const canvas = ggdm.h("canvas", { class: "pixels", width: 1, height: 1, role: "img", "aria-label": `${title}${ggdm.run.axes.length ? `: ${ggdm.run.says(cell)}` : ""}` });
    const record = ggdm.recordFigures(cell);
    dialog().replaceChildren(
        ggdm.h("header", {},
            ggdm.h("h2", { id: "viewer-title", tabindex: -1 }, title),
            ggdm.h("div", { class: "buttons" },
                button("‹", "Previous image", () => move(-1)),
                button("›", "Next image", () => move(1)),
                button("×", "Close", () => dialog().close()))),
        ggdm.h("div", { class: "pair" }, ggdm.h("div", {}, canvas), facts(cell, index)),
        strip(cell, index),
        ...[traceOf(cell, index)].filter(Boolean),
        ...record);
    ggdm.drawImages(canvas, cell, [index], 1, largeSide(ggdm.tileOf(cell)), false).catch((e) => canvas.replaceWith(e.message));
    if (!dialog().open) dialog().showModal();
    const same = focus && dialog().querySelector(`[aria-label="${CSS.escape(focus)}"]`);
    (same || document.getElementById("viewer-title")).focus();
    ggdm.announce(title);
};

/** Show an image of a cell. */
ggdm.enlarge = show;

/** The one that the view names, if any. */
ggdm.enlargeChosen = () => {
    dialog().addEventListener("keydown", (event) => {
        if (!keys[event.key] || event.target.closest(".scroll")) return;
        event.preventDefault();
        keys[event.key]();
    });
    dialog().addEventListener("click", (event) => event.target === dialog() && dialog().close());
    dialog().addEventListener("close", () => {
        ggdm.view.set("image", null);
        const { cell } = current;
        document.querySelector(`button.shot[data-cell="${CSS.escape(cell.cell)}"]`)?.focus();
    });
    const [name, index] = (ggdm.view.get("image") ?? "").split(".");
    const cell = ggdm.run.byName.get(name);
    if (cell && Number(index) < ggdm.imagesOf(cell)) show(cell, Number(index));
};
