/* Elements, controls, and what the reader has chosen (the view), which is kept in the address's
 * hash, so that a reload keeps it and a link can be passed on. */

/** An element.  on*: listeners; null and false: no attribute.  Texts are never read as HTML. */
ggdm.h = (tag, attributes, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes ?? {})) {
        if (value === null || value === undefined || value === false) continue;
        if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
        else if (name === "value" || name === "checked") node[name] = value;
        else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
    return node;
};

/* ---- the view ------------------------------------------------------------------------------- */

const chosen = new URLSearchParams(location.hash.slice(1));
let hashTimer = 0;

ggdm.view = {
    get: (key) => chosen.get(key),
    /** value  text; null: as it would be without a choice */
    set: (key, value) => {
        if (value === null) chosen.delete(key);
        else chosen.set(key, value);
        clearTimeout(hashTimer); // a slider sets it many times a second
        hashTimer = setTimeout(ggdm.view.write, 150);
    },
    write: () => {
        clearTimeout(hashTimer);
        const text = chosen.toString();
        history.replaceState(history.state, "", text ? `#${text}` : location.pathname + location.search);
    },
};

/** Say it to screen readers. */
ggdm.announce = (text) => {
    document.getElementById("announce").textContent = text;
};

/* ---- controls ------------------------------------------------------------------------------- */

const labelled = (key, label, control) => ggdm.h("div", { class: "control" }, ggdm.h("label", { for: key }, label), control);

const remember = (key, value, fallback) => ggdm.view.set(key, value === fallback ? null : value);

/** A choice out of options [{value, text, group}] (values are texts).
 *  {node, value}; change() is called after another one was chosen. */
ggdm.choice = (key, label, options, fallback, change) => {
    const known = (v) => options.some((o) => o.value === v);
    const value = known(ggdm.view.get(key)) ? ggdm.view.get(key) : fallback;
    const groups = d3.group(options, (o) => o.group ?? "");
    const entries = (list) => list.map((o) => ggdm.h("option", { value: o.value }, o.text));
    const select = ggdm.h(
        "select",
        {
            id: key,
            onchange: () => {
                remember(key, select.value, fallback);
                change();
            },
        },
        [...groups].map(([group, list]) =>
            group ? ggdm.h("optgroup", { label: group }, entries(list)) : entries(list)));
    select.value = value;
    return { node: labelled(key, label, select), value };
};

/** A box to tick: {node, value}. */
ggdm.tick = (key, label, fallback, change) => {
    const stored = ggdm.view.get(key);
    const value = stored === null ? fallback : stored === "yes";
    const box = ggdm.h("input", {
        id: key,
        type: "checkbox",
        checked: value,
        onchange: () => {
            remember(key, box.checked ? "yes" : "no", fallback ? "yes" : "no");
            change();
        },
    });
    return { node: ggdm.h("div", { class: "control tick" }, box, ggdm.h("label", { for: key }, label)), value };
};

/** A number from 0 to most, by a slider; text(number) is shown.  value() is read anew each time:
 *  change() need not, and must not, make the slider anew. */
ggdm.slider = (key, label, most, text, change) => {
    const stored = Number.parseInt(ggdm.view.get(key) ?? "0", 10);
    const first = Number.isFinite(stored) ? Math.min(Math.max(stored, 0), most) : 0;
    const output = ggdm.h("output", { for: key }, text(first));
    const input = ggdm.h("input", {
        id: key,
        type: "range",
        min: 0,
        max: most,
        step: 1,
        "aria-valuetext": text(first),
        oninput: () => {
            output.textContent = text(Number(input.value));
            input.setAttribute("aria-valuetext", text(Number(input.value)));
            remember(key, input.value, "0");
            change();
        },
    });
    input.value = first;
    const node = ggdm.h("div", { class: "control" }, ggdm.h("div", { class: "label" }, ggdm.h("label", { for: key }, label), output), input);
    return { node, value: () => Number(input.value) };
};

/* ---- sections that can be drawn anew --------------------------------------------------------- */

const panels = [];
let room = 0; // width of each section's view, pixels; asked for once, as the answer costs a layout

/** The window has another width now. */
ggdm.newWidth = () => {
    room = 0;
};

/** A section with a title, what can be chosen, and a view of it.
 *  controls()  nodes; called again by rebuild(), when a choice changes what else can be chosen
 *  draw()      nodes; called again by redraw(), and when width or colours change */
ggdm.panel = (id, title, intro, controls, draw) => {
    const section = document.getElementById(id);
    const bar = ggdm.h("div", { class: "controls", role: "group", "aria-label": `${title}: what is shown` });
    const view = ggdm.h("div", { class: "view" });
    section.setAttribute("aria-labelledby", `${id}-title`);
    section.append(ggdm.heading(id, title), ...(intro ? [ggdm.h("p", { class: "intro" }, intro)] : []), bar, view);
    section.hidden = false;
    const panel = {
        built: false,
        redraw: () => {
            room ||= Math.floor(view.clientWidth);
            view.replaceChildren(...draw(room).filter(Boolean));
        },
        rebuild: () => {
            const focus = document.activeElement?.id;
            panel.built = true;
            bar.replaceChildren(...controls().filter(Boolean));
            bar.hidden = !bar.childElementCount;
            panel.redraw();
            if (focus && bar.querySelector(`#${CSS.escape(focus)}`)) document.getElementById(focus).focus();
        },
    };
    panels.push(panel);
    return panel;
};

ggdm.panels = panels;

/* What the list of sections calls them. */
const shorter = { about: "Reading it", curves: "Curves", heat: "Heat map", tradeoff: "Trade-off", recorder: "Recorder", cells: "Table", surface: "In between", computed: "Recipes and models", machine: "Machine and cost", files: "Files" };

ggdm.heading = (id, title) => ggdm.h("h2", { id: `${id}-title`, tabindex: -1, "data-short": shorter[id] ?? title }, title);
