/* Writes JSON text: same calls, same bytes.  After the first failure nothing more is written and
 * ggdm_json_finish reports it.
 *
 *     ggdm_json j;
 *     ggdm_json_init(&j, GGDM_JSON_PRETTY);
 *     ggdm_json_begin_object(&j, NULL);            // key is NULL at the top and inside arrays
 *     ggdm_json_put_int(&j, "done", 12);
 *     ggdm_json_begin_array(&j, "cells");
 *     ggdm_json_put_string(&j, NULL, "c0001");
 *     ggdm_json_end(&j);
 *     ggdm_json_end(&j);
 *     st = ggdm_json_finish(&j, &text, &size, err);
 */
#ifndef GGDM_COMMON_JSON_WRITE_H
#define GGDM_COMMON_JSON_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

#define GGDM_JSON_DEPTH 64
#define GGDM_NUMBER_SIZE 32 /* bytes of a number's text with the NUL */

/** The shortest of %.15g, %.16g, %.17g that reads back equal ("0.1", "1e-05", "inf"). */
void ggdm_number_text(double v, char text[GGDM_NUMBER_SIZE]);

typedef enum ggdm_json_style {
    GGDM_JSON_LINE,    /* one line: {"a": 1, "b": 2} */
    GGDM_JSON_PRETTY,  /* a line for each value, two spaces per level, a line end */
    GGDM_JSON_COMPACT, /* no white space at all */
} ggdm_json_style;

typedef struct ggdm_json {
    char *text; /* owned until finish */
    size_t size, cap;
    int depth;
    ggdm_json_style style;
    bool some[GGDM_JSON_DEPTH + 1];
    char close[GGDM_JSON_DEPTH + 1];
    ggdm_status status;
} ggdm_json;

void ggdm_json_init(ggdm_json *j, ggdm_json_style style);
/** Abandon: frees what was written; not needed after finish. */
void ggdm_json_deinit(ggdm_json *j);

void ggdm_json_begin_object(ggdm_json *j, const char *key);
void ggdm_json_begin_array(ggdm_json *j, const char *key);
/** Close the innermost object or array. */
void ggdm_json_end(ggdm_json *j);

/** NULL writes null; bytes that are not UTF-8 become U+FFFD. */
void ggdm_json_put_string(ggdm_json *j, const char *key, const char *text);
void ggdm_json_put_int(ggdm_json *j, const char *key, int64_t v);
void ggdm_json_put_uint(ggdm_json *j, const char *key, uint64_t v);
/** As ggdm_number_text; what is not finite becomes null. */
void ggdm_json_put_double(ggdm_json *j, const char *key, double v);
/** The same of so many significant digits; -0 as 0. */
void ggdm_json_put_rounded(ggdm_json *j, const char *key, double v, int digits);
/** An array of n numbers, -0 as 0. */
void ggdm_json_put_doubles(ggdm_json *j, const char *key, const double *v, int64_t n);
void ggdm_json_put_bool(ggdm_json *j, const char *key, bool v);
void ggdm_json_put_null(ggdm_json *j, const char *key);

/** The text in *out (owned: free(); NUL-terminated, ends in a line end when pretty), *size its
 *  bytes (may be NULL).  Errors: GGDM_ENOMEM; GGDM_EINTERNAL when begin and end do not match. */
ggdm_status ggdm_json_finish(ggdm_json *j, char **out, size_t *size, ggdm_error *err);
/** The same into the file DIR/NAME.  Errors: those of ggdm_replace_file_in, too. */
ggdm_status ggdm_json_finish_in(ggdm_json *j, const char *dir, const char *name, ggdm_error *err);

#endif
