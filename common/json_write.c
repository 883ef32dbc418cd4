#include "common/json_write.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/temp.h"

void ggdm_number_text(double v, char text[GGDM_NUMBER_SIZE])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, GGDM_NUMBER_SIZE, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            return;
    }
}

static const struct {
    const char *comma, *colon;
    bool lines;
} styles[] = {
    [GGDM_JSON_LINE] = {", ", ": ", false},
    [GGDM_JSON_PRETTY] = {",", ": ", true},
    [GGDM_JSON_COMPACT] = {",", ":", false},
};

void ggdm_json_init(ggdm_json *j, ggdm_json_style style)
{
    memset(j, 0, sizeof *j);
    j->style = style;
}

void ggdm_json_deinit(ggdm_json *j)
{
    free(j->text);
    memset(j, 0, sizeof *j);
}

static void add_bytes(ggdm_json *j, const char *data, size_t size)
{
    if (j->status == GGDM_OK)
        j->status = ggdm_grow(&j->text, &j->cap, j->size + size + 1, 1, NULL);
    if (j->status != GGDM_OK)
        return;
    memcpy(j->text + j->size, data, size);
    j->size += size;
    j->text[j->size] = '\0';
}

static void add_text(ggdm_json *j, const char *text)
{
    add_bytes(j, text, strlen(text));
}

/* Length of the valid UTF-8 sequence at p, 0 where there is none (RFC 3629). */
static size_t sequence(const unsigned char *p)
{
    static const struct {
        unsigned char first_lo, first_hi, second_lo, second_hi;
        size_t size;
    } forms[] = {
        {0x20, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (p[0] < forms[i].first_lo || p[0] > forms[i].first_hi)
            continue;
        if (forms[i].size > 1 && (p[1] < forms[i].second_lo || p[1] > forms[i].second_hi))
            return 0;
        for (size_t k = 2; k < forms[i].size; k++) /* the NUL at the end stops this */
            if ((p[k] & 0xC0) != 0x80)
                return 0;
        return forms[i].size;
    }
    return 0;
}

/* How many characters from p on stand for themselves, one byte each. */
static size_t plain(const unsigned char *p)
{
    size_t n = 0;
    while (p[n] >= 0x20 && p[n] < 0x7F && p[n] != '"' && p[n] != '\\')
        n++;
    return n;
}

static void add_quoted(ggdm_json *j, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    add_text(j, "\"");
    while (*p) {
        char escape[8];
        size_t n = plain(p);
        if (n == 0)
            n = sequence(p);
        if (*p == '"' || *p == '\\') {
            n = 1;
            add_bytes(j, (char[]){'\\', (char)*p}, 2);
        } else if (*p < 0x20) {
            snprintf(escape, sizeof escape, "\\u%04x", *p);
            add_text(j, escape);
            n = 1;
        } else if (n) {
            add_bytes(j, (const char *)p, n);
        } else {
            add_text(j, "\xEF\xBF\xBD");
            n = 1;
        }
        p += n;
    }
    add_text(j, "\"");
}

static void new_line(ggdm_json *j)
{
    if (!styles[j->style].lines)
        return;
    add_text(j, "\n");
    for (int i = 0; i < j->depth; i++)
        add_text(j, "  ");
}

/* What comes before every value: comma, line, key. */
static void begin_value(ggdm_json *j, const char *key)
{
    bool in_object = j->depth > 0 && j->close[j->depth] == '}';
    if (j->status == GGDM_OK && (in_object != (key != NULL) || (j->depth == 0 && j->some[0])))
        j->status = GGDM_EINTERNAL;
    if (j->some[j->depth])
        add_text(j, styles[j->style].comma);
    j->some[j->depth] = true;
    if (j->depth > 0)
        new_line(j);
    if (key) {
        add_quoted(j, key);
        add_text(j, styles[j->style].colon);
    }
}

static void begin(ggdm_json *j, const char *key, char open, char close)
{
    begin_value(j, key);
    add_bytes(j, &open, 1);
    if (j->depth >= GGDM_JSON_DEPTH) {
        j->status = j->status == GGDM_OK ? GGDM_EINTERNAL : j->status;
        return;
    }
    j->depth++;
    j->close[j->depth] = close;
    j->some[j->depth] = false;
}

void ggdm_json_begin_object(ggdm_json *j, const char *key)
{
    begin(j, key, '{', '}');
}

void ggdm_json_begin_array(ggdm_json *j, const char *key)
{
    begin(j, key, '[', ']');
}

void ggdm_json_end(ggdm_json *j)
{
    if (j->depth == 0) {
        j->status = j->status == GGDM_OK ? GGDM_EINTERNAL : j->status;
        return;
    }
    bool some = j->some[j->depth];
    char close = j->close[j->depth];
    j->depth--;
    if (some)
        new_line(j);
    add_bytes(j, &close, 1);
}

void ggdm_json_put_string(ggdm_json *j, const char *key, const char *text)
{
    begin_value(j, key);
    if (text)
        add_quoted(j, text);
    else
        add_text(j, "null");
}

static void put_raw(ggdm_json *j, const char *key, const char *text)
{
    begin_value(j, key);
    add_text(j, text);
}

void ggdm_json_put_int(ggdm_json *j, const char *key, int64_t v)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, v);
    put_raw(j, key, text);
}

void ggdm_json_put_uint(ggdm_json *j, const char *key, uint64_t v)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, v);
    put_raw(j, key, text);
}

void ggdm_json_put_double(ggdm_json *j, const char *key, double v)
{
    char text[GGDM_NUMBER_SIZE];
    if (isfinite(v))
        ggdm_number_text(v, text);
    put_raw(j, key, isfinite(v) ? text : "null");
}

void ggdm_json_put_rounded(ggdm_json *j, const char *key, double v, int digits)
{
    char text[64];
    snprintf(text, sizeof text, "%.*g", digits, v);
    ggdm_json_put_double(j, key, strtod(text, NULL) + 0.0);
}

void ggdm_json_put_doubles(ggdm_json *j, const char *key, const double *v, int64_t n)
{
    ggdm_json_begin_array(j, key);
    for (int64_t i = 0; i < n; i++)
        ggdm_json_put_double(j, NULL, v[i] + 0.0);
    ggdm_json_end(j);
}

void ggdm_json_put_bool(ggdm_json *j, const char *key, bool v)
{
    put_raw(j, key, v ? "true" : "false");
}

void ggdm_json_put_null(ggdm_json *j, const char *key)
{
    put_raw(j, key, "null");
}

ggdm_status ggdm_json_finish(ggdm_json *j, char **out, size_t *size, ggdm_error *err)
{
    *out = NULL;
    if (j->status == GGDM_OK && (j->depth != 0 || !j->some[0]))
        j->status = GGDM_EINTERNAL;
    if (styles[j->style].lines)
        add_text(j, "\n");
    if (j->status != GGDM_OK) {
        ggdm_status st = GGDM_FAIL(err, j->status, "JSON writer: %s", ggdm_status_text(j->status));
        ggdm_json_deinit(j);
        return st;
    }
    *out = j->text;
    if (size)
        *size = j->size;
    memset(j, 0, sizeof *j);
    return GGDM_OK;
}

ggdm_status ggdm_json_finish_in(ggdm_json *j, const char *dir, const char *name, ggdm_error *err)
{
    char *text;
    size_t size = 0;
    GGDM_TRY(ggdm_json_finish(j, &text, &size, err));
    ggdm_status st = ggdm_replace_file_in(dir, name, text, size, err);
    free(text);
    return st;
}
