/* What every chart has: a picture with a text that stands for it, a legend, a caption, and its
 * numbers as a table. */

/** A figure.
 *  svg      the picture; says: what a screen reader says instead of it
 *  legend   [{text, color, symbol, dash}], caption  a text
 *  numbers  {heads: [text], rows: [[text]]}, all that is drawn */
ggdm.figure = ({ svg, says, legend, caption, numbers }) => {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", says);
    for (const g of svg.querySelectorAll("g[aria-label]")) { // a picture has no parts with names
        g.dataset.mark = g.getAttribute("aria-label");
        g.removeAttribute("aria-label");
    }
    return ggdm.h(
        "figure",
        {},
        legend?.length > 0 && ggdm.legend(legend),
        svg,
        caption && ggdm.h("figcaption", {}, caption),
        numbers && ggdm.numbers(says, numbers));
};

/* A chart's numbers, made when they are looked at: there may be thousands. */
ggdm.numbers = (caption, { heads, rows }) => {
    const details = ggdm.h(
        "details",
        {
            class: "numbers",
            ontoggle: () => {
                if (details.open && !details.querySelector("table"))
                    details.append(ggdm.table(caption, heads, rows));
            },
        },
        ggdm.h("summary", {}, "Numbers of this chart"));
    return details;
};

let tables = 0;

/** A plain table that can be scrolled; the first column names the row. */
ggdm.table = (caption, heads, rows) => {
    const id = `table-${++tables}`;
    const line = (row) =>
        ggdm.h("tr", {}, row.map((text, i) => (i ? ggdm.h("td", {}, text) : ggdm.h("th", { scope: "row" }, text))));
    return ggdm.scroll(
        id,
        ggdm.h("table", {},
            ggdm.h("caption", { id }, caption),
            ggdm.h("thead", {}, ggdm.h("tr", {}, heads.map((t) => ggdm.h("th", { scope: "col" }, t)))),
            ggdm.h("tbody", {}, rows.map(line))));
};

/** A frame in which something wide can be moved, also by keys. */
ggdm.scroll = (labelId, ...children) =>
    ggdm.h("div", { class: "scroll", role: "region", tabindex: 0, "aria-labelledby": labelId }, children);

const swatch = ({ color, symbol, dash }) => {
    const svg = d3.create("svg").attr("width", 26).attr("height", 14).attr("aria-hidden", "true");
    svg.append("line").attr("x1", 1).attr("x2", 25).attr("y1", 7).attr("y2", 7)
        .attr("stroke", color).attr("stroke-width", 2).attr("stroke-dasharray", dash ?? null);
    if (symbol)
        svg.append("path").attr("transform", "translate(13,7)").attr("fill", color)
            .attr("d", d3.symbol(d3[`symbol${symbol[0].toUpperCase()}${symbol.slice(1)}`], 44)());
    return svg.node();
};

ggdm.legend = (entries) =>
    ggdm.h("ul", { class: "legend" }, entries.map((e) => ggdm.h("li", {}, swatch(e), ggdm.h("span", {}, e.text))));

/** Options that all charts share. */
ggdm.plot = (options) =>
    Plot.plot({
        style: { background: "none", fontFamily: "inherit", fontSize: "12px", overflow: "visible" },
        ...options,
    });

/** What stands beside the pointer. */
ggdm.tip = (points, options) =>
    Plot.tip(points, Plot.pointer({ fill: "var(--surface)", stroke: "var(--line)", fontSize: 12.5, lineWidth: 26, ...options }));

/** "78.3 %, 70.1 to 84.6, of 24 images" */
ggdm.valueText = (c, entry) => {
    const [value, lo, hi, n] = entry ?? [];
    const bounds = lo === null || lo === undefined ? "" : ` (${c.plain(lo)} to ${c.plain(hi)})`;
    return `${c.text(value)}${bounds}${n ? `, n = ${ggdm.whole(n)}` : ""}`;
};
