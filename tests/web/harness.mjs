// Tests in a browser: pages of which no console line and no request remains unseen, TAP lines.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export const { WEB: web, BROWSER: executable, PAGE: pageText, RUN: runDir } = process.env;
export const folder = dirname(pageText); // where pages are made
const require = createRequire(join(web, "package.json"));
const { chromium } = require("playwright-core");
const axeSource = require("axe-core").source;

const shots = join(web, "shots");
mkdirSync(shots, { recursive: true });

const browser = await chromium.launch({ executablePath: executable, args: ["--no-sandbox", "--disable-gpu"] });

const trouble = []; // what pages said or asked for, and should not have

const watched = async (options) => {
    const page = await (await browser.newContext(options)).newPage();
    page.setDefaultTimeout(60000); // machines may be busy
    page.on("console", (m) => trouble.push(`console: ${m.text()}`));
    page.on("pageerror", (e) => trouble.push(`error: ${e.stack}`));
    page.on("request", (r) => {
        const url = r.url();
        if (!/^(data|blob|about):/.test(url) && ![folder, runDir].some((f) => url.startsWith(`file://${f}/`))) trouble.push(`request: ${url}`);
    });
    return page;
};

const one = await watched({}); // of all tests: a process for each would take longer than all else

// The page at this path, built to its end.
export const open = async (path, { hash = "", width = 1300, height = 900, colorScheme = "light", reducedMotion = "no-preference" } = {}) => {
    await one.goto("about:blank");
    await one.setViewportSize({ width, height });
    await one.emulateMedia({ media: "screen", colorScheme, reducedMotion });
    await one.goto(`file://${path}${hash ? `#${hash}` : ""}`);
    await one.waitForSelector("html[data-ready]");
    return one;
};

// A function of how long the page's main thread has computed from now on, whoever else the machine
// works for; seconds.
export const mainThread = async () => {
    await one.goto("about:blank");
    const session = await one.context().newCDPSession(one);
    await session.send("Performance.enable", { timeDomain: "threadTicks" });
    const now = async () => (await session.send("Performance.getMetrics")).metrics.find((m) => m.name === "TaskDuration").value;
    const begin = await now();
    return async () => (await now()) - begin;
};

// The same without JavaScript.
export const openPlain = async (path) => {
    const page = await watched({ javaScriptEnabled: false });
    await page.goto(`file://${path}`);
    return page;
};

// The whole page as a picture.
export const shot = async (page, name, fullPage = true) => {
    if (fullPage) await page.evaluate(() => scrollTo({ top: 0, behavior: "instant" }));
    await page.screenshot({ path: join(shots, `${name}.png`), fullPage });
};

// What axe-core finds: texts, of rules of WCAG 2.2 A and AA, and of good practice.
export const violations = async (page) => {
    await page.evaluate(axeSource);
    const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
    return found.violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(" ")}: ${n.failureSummary.split("\n").slice(1, 3).join("; ")}`));
};

// Whatever is wider than the window, or a text of a chart that leaves its section.
export const cutOff = (page) =>
    page.evaluate(() => {
        const bad = [];
        if (document.documentElement.scrollWidth > innerWidth) bad.push(`the page is ${document.documentElement.scrollWidth} wide`);
        for (const text of document.querySelectorAll("section:not([hidden]) figure > svg text")) {
            const box = text.getBoundingClientRect();
            const frame = text.closest("section").getBoundingClientRect();
            if (box.width && (box.left < frame.left || box.right > frame.right || box.bottom > frame.bottom)) bad.push(`text of a chart: ${text.textContent}`);
        }
        for (const node of document.querySelectorAll("section:not([hidden]) *, header *, nav *")) {
            if (node.closest(".scroll, svg, details:not([open])") || !node.getClientRects().length) continue;
            const box = node.getBoundingClientRect();
            if (box.right > innerWidth + 1 || box.left < -1) bad.push(`${node.tagName} ${node.id || node.className}: ${Math.round(box.left)} to ${Math.round(box.right)}`);
        }
        return bad.slice(0, 5);
    });

let number = 0;
let failed = 0;

export const test = async (name, body) => {
    number++;
    await one.goto("about:blank");
    trouble.length = 0;
    const begin = Date.now();
    try {
        await body();
        assert.deepEqual(trouble, []);
        console.log(`ok ${number} - ${name} (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
    } catch (error) {
        failed++;
        console.log(`not ok ${number} - ${name}\n# ${String(error.stack ?? error).slice(0, 1600).replaceAll("\n", "\n# ")}`);
        for (const line of trouble) console.log(`# ${line}`);
    }
};

export const end = async () => {
    await browser.close();
    console.log(`1..${number}`);
    process.exitCode = failed ? 1 : 0;
};
