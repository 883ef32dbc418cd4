/* change_pixel DIR CELL INDEX: the first value of pixels of a stored image, of cell number CELL, is
 * one more or less from now on, as if the image had never been what was computed. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/png_image.h"

static int change(sqlite3_stmt *get, sqlite3_stmt *put)
{
    ggdm_pixels p = {0};
    uint8_t *png = NULL;
    size_t size = 0;
    if (sqlite3_step(get) != SQLITE_ROW ||
        ggdm_png_decode(sqlite3_column_blob(get, 0), (size_t)sqlite3_column_bytes(get, 0), 1024, &p,
                        NULL) != GGDM_OK)
        return 1;
    p.data[0] ^= 1;
    int failed = ggdm_png_encode(p.data, p.width, p.height, p.channels, &png, &size, NULL);
    sqlite3_reset(get);
    if (!failed) {
        sqlite3_bind_blob64(put, 3, png, size, SQLITE_STATIC);
        failed = sqlite3_step(put) != SQLITE_DONE;
    }
    ggdm_pixels_deinit(&p);
    free(png);
    return failed;
}

int main(int argc, char **argv)
{
#define WHICH " WHERE idx = ?2 AND trajectory = (SELECT trajectory FROM cell WHERE idx = ?1)"
    static const char *const texts[] = {"SELECT data FROM sample" WHICH,
                                        "UPDATE sample SET data = ?3" WHICH};
    sqlite3_stmt *stmt[2] = {NULL};
    sqlite3 *db = NULL;
    char path[4096];
    if (argc != 4) {
        fprintf(stderr, "usage: change_pixel DIR CELL INDEX\n");
        return 2;
    }
    snprintf(path, sizeof path, "%s/ggdm.db", argv[1]);
    int failed = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);
    for (int i = 0; i < 2 && !failed; i++) {
        failed = sqlite3_prepare_v2(db, texts[i], -1, &stmt[i], NULL);
        sqlite3_bind_int(stmt[i], 1, atoi(argv[2]));
        sqlite3_bind_int(stmt[i], 2, atoi(argv[3]));
    }
    failed = failed || change(stmt[0], stmt[1]);
    if (failed)
        fprintf(stderr, "change_pixel: %s\n", sqlite3_errmsg(db));
    sqlite3_finalize(stmt[0]);
    sqlite3_finalize(stmt[1]);
    sqlite3_close(db);
    return failed != 0;
}
