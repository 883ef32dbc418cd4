#include "coordinator/show/html.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"

/* Bytes; a page of the sheet over all cells in colour may take 13 MiB. */
#define MAX_FIGURE ((size_t)32 << 20)

static const char style[] =
    "<style>"
    "body{font:15px/1.5 system-ui,sans-serif;color:#1d2530;background:#f5f6f8;margin:0}"
    "main{max-width:1180px;margin:0 auto;padding:24px}"
    "h1{margin:0 0 4px;font-size:28px}h2{margin:0 0 12px;font-size:18px}"
    ".sub{color:#5b6675;margin:0 0 20px}"
    "section{background:#fff;border:1px solid #e1e5ea;border-radius:8px;padding:18px 20px;"
    "margin:0 0 18px;overflow-x:auto}"
    ".tiles{display:flex;flex-wrap:wrap;gap:12px;margin:0 0 18px}"
    ".tile{background:#fff;border:1px solid #e1e5ea;border-radius:8px;padding:10px 16px;"
    "min-width:110px}.tile b{display:block;font-size:20px}.tile span{color:#5b6675;font-size:13px}"
    "table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}"
    "th,td{padding:3px 12px 3px 0;text-align:right;white-space:nowrap}"
    "th{border-bottom:1px solid #c9d0d8;font-weight:600}td.l,th.l{text-align:left}"
    "tr:nth-child(even) td{background:#fafbfc}"
    ".bar{display:inline-block;width:90px;height:9px;background:#e8ecf0;border-radius:2px;"
    "margin-right:8px;position:relative;vertical-align:middle}"
    ".bar i{position:absolute;left:0;top:0;bottom:0;background:#21918c;border-radius:2px}"
    ".bar u{position:absolute;top:3px;height:3px;background:#1d253080}"
    ".bad{color:#b3261e}.row{display:flex;gap:14px;margin:0 0 14px}"
    ".card{flex:none;width:190px;font-size:12.5px;color:#39424e}"
    ".card img{display:block;width:170px;image-rendering:pixelated;border-radius:4px;border:1px "
    "solid #d7dce2;margin-bottom:3px}"
    "svg{max-width:100%;height:auto}pre{font-size:13px;background:#f5f6f8;padding:12px;"
    "border-radius:6px;overflow-x:auto;margin:12px 0 0}"
    ".time{position:relative;width:420px;height:12px;background:#e8ecf0;border-radius:2px}"
    ".time i{position:absolute;top:0;bottom:0;background:#3b528b;border-radius:2px;min-width:2px}"
    "code{font-size:13px}details{margin:0 0 6px}summary{cursor:pointer}"
    "details pre{white-space:pre-wrap;word-break:break-all}</style>\n";

void ggdm_html_begin(FILE *f, const char *title)
{
    fputs("<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>\n<meta name=viewport "
          "content=\"width=device-width,initial-scale=1\">\n<title>",
          f);
    ggdm_html_text(f, title);
    fprintf(f, "</title>\n%s</head><body><main>\n", style);
}

void ggdm_html_end(FILE *f)
{
    fprintf(f, "</main></body></html>\n");
}

void ggdm_html_text(FILE *f, const char *text)
{
    for (; text && *text; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", f);
            break;
        case '>':
            fputs("&gt;", f);
            break;
        case '&':
            fputs("&amp;", f);
            break;
        case '"':
            fputs("&quot;", f);
            break;
        default:
            fputc(*text, f);
        }
    }
}

void ggdm_html_base64(FILE *f, const uint8_t *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        uint32_t v = (uint32_t)data[i] << 16;
        v |= i + 1 < size ? (uint32_t)data[i + 1] << 8 : 0;
        v |= i + 2 < size ? data[i + 2] : 0;
        fputc(digits[v >> 18], f);
        fputc(digits[v >> 12 & 63], f);
        fputc(i + 1 < size ? digits[v >> 6 & 63] : '=', f);
        fputc(i + 2 < size ? digits[v & 63] : '=', f);
    }
}

void ggdm_html_row(FILE *f, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    fputs("<tr><td class=l>", f);
    ggdm_html_text(f, name);
    fputs("</td><td class=l><code>", f);
    ggdm_html_text(f, value);
    fputs("</code></td></tr>\n", f);
}

ggdm_status ggdm_html_figure(FILE *f, const char *dir, const char *name, const char *title,
                             ggdm_error *err)
{
    char *figures = NULL, *path = NULL, *svg = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, "figures", &figures, err), done);
    GGDM_TRY_GOTO(st, ggdm_path_join(figures, name, &path, err), done);
    if (!ggdm_exists(path))
        goto done;
    GGDM_TRY_GOTO(st, ggdm_read_file(path, MAX_FIGURE, &svg, NULL, err), done);
    const char *begin = strstr(svg, "<svg"); /* without the XML prologue */
    if (begin)
        fprintf(f, "<section><h2>%s</h2>\n%s</section>\n", title, begin);
done:
    free(svg);
    free(path);
    free(figures);
    return st;
}

void ggdm_html_tile(FILE *f, const char *label, const char *format, ...)
{
    char text[100];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fputs("<div class=tile><b>", f);
    ggdm_html_text(f, text);
    fprintf(f, "</b><span>%s</span></div>", label);
}
