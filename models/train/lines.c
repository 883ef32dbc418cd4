#include "models/train/lines.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/utf8.h"

#define MAX_FILE ((size_t)1 << 30) /* bytes */

static ggdm_status take_line(const char *path, int64_t number, char *text, size_t size,
                             ggdm_line_taker *take, void *context, ggdm_error *err)
{
    char *where = NULL;
    GGDM_TRY(ggdm_asprintf(&where, err, "%s:%" PRId64, path, number));
    if (size > 0 && text[size - 1] == '\r')
        size--;
    text[size] = '\0';
    ggdm_status st = size > GGDM_LINE_MOST ? GGDM_FAIL(err, GGDM_EFORMAT,
                                                       "%s: a line of %zu bytes, expected at "
                                                       "most %d",
                                                       where, size, GGDM_LINE_MOST)
                     : size == 0 ? GGDM_FAIL(err, GGDM_EFORMAT, "%s: an empty line", where)
                                 : take(context, text, size, where, err);
    free(where);
    return st;
}

ggdm_status ggdm_each_line(const char *path, ggdm_line_taker *take, void *context, ggdm_error *err)
{
    char *text = NULL;
    size_t size = 0;
    GGDM_TRY(ggdm_read_file(path, MAX_FILE, &text, &size, err));
    ggdm_status st = GGDM_OK;
    int64_t number = 1;
    const size_t mark = ggdm_utf8_mark(text, size);
    for (char *at = text + mark, *end = text + size; at < end && st == GGDM_OK; number++) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        st = take_line(path, number, at, (size_t)(stop - at), take, context, err);
        at = stop + 1;
    }
    free(text);
    return st;
}
