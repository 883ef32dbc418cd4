/* ask_store DIR SQL: the first column of the first row of a query about the store of a run.  DIR is
 * best a copy, the store has one owner. */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    char path[4096];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    if (argc != 3) {
        fprintf(stderr, "usage: ask_store DIR SQL\n");
        return 2;
    }
    snprintf(path, sizeof path, "%s/ggdm.db", argv[1]);
    bool ok = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
              sqlite3_prepare_v2(db, argv[2], -1, &stmt, NULL) == SQLITE_OK &&
              sqlite3_step(stmt) == SQLITE_ROW;
    if (ok)
        printf("%s\n", (const char *)sqlite3_column_text(stmt, 0));
    else
        fprintf(stderr, "ask_store: %s\n", sqlite3_errmsg(db));
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return !ok;
}
