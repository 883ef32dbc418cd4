/* ask_store DIR|FILE SQL: the rows that a statement gives about the store of a run, a line each,
 * with | between the columns, as the sqlite3 shell does.  DIR is best a copy, the store has one
 * owner. */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

static void print_row(sqlite3_stmt *stmt)
{
    for (int i = 0; i < sqlite3_column_count(stmt); i++) {
        const char *text = (const char *)sqlite3_column_text(stmt, i);
        printf("%s%s", i ? "|" : "", text ? text : "");
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    char path[4096];
    struct stat info;
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    if (argc != 3) {
        fprintf(stderr, "usage: ask_store DIR|FILE SQL\n");
        return 2;
    }
    bool dir = stat(argv[1], &info) == 0 && S_ISDIR(info.st_mode);
    snprintf(path, sizeof path, dir ? "%s/ggdm.db" : "%s", argv[1]);
    int rows = 0, code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(db, argv[2], -1, &stmt, NULL);
    while (code == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        print_row(stmt);
        rows++;
    }
    code = sqlite3_finalize(stmt) == SQLITE_OK ? code : SQLITE_ERROR;
    if (code != SQLITE_OK || !rows)
        fprintf(stderr, "ask_store: %s\n", sqlite3_errmsg(db));
    sqlite3_close(db);
    return code != SQLITE_OK || !rows;
}
