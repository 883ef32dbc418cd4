#include "coordinator/show/html.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"

/* Bytes; a page of the sheet over all cells in colour may take 13 MiB. */
#define MAX_FIGURE ((size_t)32 << 20)

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
