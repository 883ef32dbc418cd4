/* The images of all cells by two axes.  A button for each cell; its images are drawn when they come
 * into sight.  Keys: arrows go from cell to cell, Enter enlarges. */

const SIZES = [["s", "small", 0.6], ["m", "medium", 1], ["l", "large", 1.8]];
const COUNTS = [1, 4, 9, 16, 36];

/* Small images get whole factors, so that their pixels stay squares. */
const sideOf = (factor, count, w) => {
    const wanted = (count > 1 ? 40 : 72) * factor;
    if (w >= wanted) return Math.round(wanted);
    return w * Math.max(1, Math.round(wanted / w));
};

const marksLegend = () =>
    ggdm.h("ul", { class: "legend marks" },
        (ggdm.run.judge || ggdm.run.guide ? ["right", "wrong"] : []).map((name) =>
            ggdm.h("li", {}, ggdm.h("span", { class: `mark ${name}` }), name)),
        ggdm.h("li", {}, ggdm.h("span", { class: "mark diverged" }), "diverged"));

/* Of an empty place and of a cell. */
const nameOf = (cell, indices) => {
    const { run } = ggdm;
    const lost = indices.filter((i) => ggdm.lost(cell, i)).length;
    const main = run.value(cell, run.main ?? { name: "" });
    return [
        `${cell.cell}${run.axes.length ? `: ${run.says(cell)}` : ""}`,
        ggdm.count(indices.length, "image"),
        main !== null && `${run.main.label} ${run.main.text(main)}`,
        lost && `${lost} of them diverged`,
    ].filter(Boolean).join("; ");
};

/* Arrow keys, Home and End in a table of buttons, of which one is in the order of Tab. */
const keys = {
    ArrowLeft: (r, c) => [r, c - 1],
    ArrowRight: (r, c) => [r, c + 1],
    ArrowUp: (r, c) => [r - 1, c],
    ArrowDown: (r, c) => [r + 1, c],
    Home: (r) => [r, 0],
    End: (r, _, columns) => [r, columns - 1],
};

const rove = (table, grid) => {
    const focus = (button) => {
        table.querySelector('button[tabindex="0"]')?.setAttribute("tabindex", "-1");
        button.setAttribute("tabindex", "0");
    };
    table.addEventListener("focusin", (event) => event.target.matches("button") && focus(event.target));
    table.addEventListener("keydown", (event) => {
        const step = keys[event.key];
        const button = event.target.closest("button");
        if (!step || !button) return;
        event.preventDefault();
        let place = [Number(button.dataset.row), Number(button.dataset.column)];
        do place = step(...place, grid[0].length);
        while (grid[place[0]] && place[1] in grid[place[0]] && !grid[place[0]][place[1]] && event.key.startsWith("Arrow"));
        grid[place[0]]?.[place[1]]?.focus();
    });
    const first = grid.flat().find(Boolean);
    if (first) first.tabIndex = 0;
};

/* Draws what comes into sight. */
let watcher = null;
let waiting = [];
const watch = (buttons) => {
    watcher?.disconnect();
    waiting = buttons;
    watcher = new IntersectionObserver(
        (entries) => entries.filter((e) => e.isIntersecting).forEach((e) => {
            watcher.unobserve(e.target);
            e.target.paint();
        }),
        { rootMargin: "300px" });
    buttons.forEach((b) => watcher.observe(b));
};

/** Draw all at once, for paper. */
ggdm.paintImages = () => waiting.forEach((b) => b.paint());

const shot = (cell, indices, across, side, place) => {
    const [w, h] = ggdm.tileOf(cell);
    const rows = Math.ceil(indices.length / across);
    const canvas = ggdm.h("canvas", { class: side >= w ? "pixels" : null, width: 1, height: 1, style: `width: ${across * (side + 2) - 2}px; height: ${(rows * (side + 2) * h) / w - 2}px` });
    const button = ggdm.h(
        "button",
        {
            type: "button",
            class: "shot",
            tabindex: -1,
            "aria-label": nameOf(cell, indices),
            "data-cell": cell.cell,
            "data-row": place[0],
            "data-column": place[1],
            onclick: (event) => {
                const box = canvas.getBoundingClientRect();
                const inside = event.detail > 0 && event.clientX >= box.left; // 0: by a key
                const column = inside ? Math.min(Math.floor(((event.clientX - box.left) / box.width) * across), across - 1) : 0;
                const row = inside ? Math.min(Math.floor(((event.clientY - box.top) / box.height) * rows), rows - 1) : 0;
                ggdm.enlarge(cell, indices[row * across + column] ?? indices[0]);
            },
        },
        canvas);
    button.paint = () => ggdm.drawImages(canvas, cell, indices, across, side, true).catch((e) => button.replaceChildren(e.message));
    return button;
};

/* The table, with a row for each value of `rows` and a column for each of `columns` (null: one). */
const tableOf = (cells, rows, columns, shown, width) => {
    const places = (a) => (a ? d3.range(a.values.length).filter((i) => cells.some((k) => k.at[a.index] === i)) : [0]);
    const at = new Map(cells.map((k) => [`${rows ? k.at[rows.index] : 0},${columns ? k.at[columns.index] : 0}`, k]));
    const [down, along] = [places(rows), places(columns)];
    const { run } = ggdm;
    const across = columns ? Math.ceil(Math.sqrt(shown.count)) : Math.max(1, Math.min(shown.count, Math.floor((width - 130) / (shown.side + 2))));
    const grid = [];
    const body = down.map((i, r) => {
        grid.push([]);
        const line = along.map((j, c) => {
            const cell = at.get(`${i},${j}`);
            const there = cell ? d3.range(shown.first, Math.min(shown.first + shown.count, ggdm.imagesOf(cell))) : [];
            const button = there.length ? shot(cell, there, Math.min(across, there.length), shown.side, [r, c]) : null;
            grid[r].push(button);
            return ggdm.h("td", {}, button ?? ggdm.h("span", { class: "none" }, cell ? "no image" : "–"));
        });
        return ggdm.h("tr", {}, ggdm.h("th", { scope: "row" }, rows ? rows.texts[i] : run.cells[0].cell), line);
    });
    const corner = rows && columns ? `${rows.label} \\ ${columns.label}` : rows ? rows.title : columns ? columns.title : "cell";
    const heads = columns ? along.map((j) => columns.texts[j]) : ["images"];
    const table = ggdm.h("table", { class: "grid" },
        ggdm.h("caption", { id: "images-caption" }, `Images${rows ? ` by ${rows.title}${columns ? ` (down) and ${columns.title} (across)` : ""}` : ""}, ${shown.count === 1 ? `number ${shown.first}` : `numbers ${shown.first} to ${shown.first + shown.count - 1}`} of each cell`),
        ggdm.h("thead", {}, ggdm.h("tr", {}, ggdm.h("th", { scope: "col" }, corner), heads.map((t) => ggdm.h("th", { scope: "col" }, t)))),
        ggdm.h("tbody", {}, body));
    rove(table, grid);
    return { table, buttons: grid.flat().filter(Boolean) };
};

ggdm.images = () => {
    const { run } = ggdm;
    if (!run.sprites || !run.trajectories.some((t) => t.shown > 0)) return;
    const most = d3.max(run.cells, ggdm.imagesOf);
    const again = () => panel.rebuild();
    const redraw = () => panel.redraw();
    let rows = null, columns = null, slice, size, count, first;
    const controls = () => {
        const nodes = [];
        if (run.axes.length > 1) {
            const [usualX, usualY] = ggdm.usualAxes();
            const text = run.axes.find((a) => !a.numeric && a.values.length > 1) ?? usualY ?? run.axes[0];
            const down = ggdm.choice("images.rows", "Rows", ggdm.axisOptions(), (usualY ?? text).name, again);
            rows = run.axis(down.value);
            const none = { value: "", text: "no other" };
            const others = [...ggdm.axisOptions([rows.index]), none];
            const usual = others.find((o) => o.value === usualX.name) ?? others[0];
            const side = ggdm.choice("images.columns", "Columns", others, usual.value, again);
            columns = run.axis(side.value) ?? null;
            nodes.push(down.node, side.node);
        } else rows = run.axes[0] ?? null;
        slice = ggdm.slice("images", [rows, columns].filter(Boolean).map((a) => a.index), redraw);
        const counts = COUNTS.filter((n) => n <= most).map((n) => ({ value: String(n), text: String(n) }));
        count = ggdm.choice("images.count", "Images of each", counts, columns ? (most >= 4 && run.cells.length < 400 ? "4" : "1") : counts.at(-1).value, again);
        size = ggdm.choice("images.size", "Size", SIZES.map(([value, text]) => ({ value, text })), "m", redraw);
        first = most > Number(count.value) ? ggdm.slider("images.first", "First image", most - Number(count.value), String, redraw) : null;
        return [...nodes, ...slice.nodes, count.node, size.node, first?.node];
    };
    const draw = (width) => {
        const cells = run.cellsWith(slice.fixed());
        if (!cells.length) return [ggdm.h("p", { class: "notice" }, `No cell has ${slice.says()}.`)];
        const n = Number(count.value);
        const factor = SIZES.find(([name]) => name === document.getElementById("images.size").value)[2];
        const shown = { count: n, first: first?.value() ?? 0, side: sideOf(factor, columns ? n : 1, d3.max(run.trajectories, (t) => t.tile[0])) };
        const { table, buttons } = tableOf(cells, rows, columns, shown, width);
        watch(buttons);
        return [marksLegend(), ggdm.scroll("images-caption", table)];
    };
    const intro = "Click an image, or press Enter, to enlarge it; the arrow keys go from cell to cell.";
    const panel = ggdm.panel("images", "Images", intro, controls, draw);
};
