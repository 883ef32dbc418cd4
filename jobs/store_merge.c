/* The shards of a run become one store: a copy of the first one, to which the units and images of
 * the others are added, beside the place where it appears when it is complete. */
#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/plural.h"
#include "jobs/store_internal.h"

/* ---- do they belong together ---------------------------------------------------------------- */

static ggdm_status same_fact(const char *dir, const char *what, const char *a, const char *b,
                             const char *first, ggdm_error *err)
{
    if (strcmp(a, b) == 0)
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_ESTATE,
                     "%s: %s is '%.80s', in %s '%.80s'; expected shards of one run", dir, what, b,
                     first, a);
}

/* The digest of a model of this name, or "". */
static const char *digest_of(const ggdm_store *s, const char *name)
{
    int32_t n;
    const ggdm_store_model *models = ggdm_store_models(s, &n);
    for (int32_t i = 0; i < n; i++)
        if (strcmp(models[i].name, name) == 0)
            return models[i].digest;
    return "";
}

static ggdm_status compare_models(const ggdm_store *first, const ggdm_store *s, ggdm_error *err)
{
    int32_t n;
    const ggdm_store_model *models = ggdm_store_models(first, &n);
    for (int32_t i = 0; i < n; i++) {
        char what[100];
        snprintf(what, sizeof what, "the model %.80s", models[i].name);
        GGDM_TRY(same_fact(s->dir, what, models[i].digest, digest_of(s, models[i].name), first->dir,
                           err));
    }
    return GGDM_OK;
}

static ggdm_status compare_sweeps(ggdm_store *first, ggdm_store *s, ggdm_error *err)
{
    char a[24], b[24];
    snprintf(a, sizeof a, "%d", first->sheet.n_sweeps);
    snprintf(b, sizeof b, "%d", s->sheet.n_sweeps);
    GGDM_TRY(same_fact(s->dir, "the number of sweeps", a, b, first->dir, err));
    for (int32_t i = 1; i <= first->sheet.n_sweeps; i++) {
        char *ours = NULL, *theirs = NULL;
        ggdm_status st = ggdm_store_sweep_digest(first, i, &ours, err);
        if (st == GGDM_OK)
            st = ggdm_store_sweep_digest(s, i, &theirs, err);
        if (st == GGDM_OK)
            st = same_fact(s->dir, "the sweep", ours, theirs, first->dir, err);
        free(ours);
        free(theirs);
        GGDM_TRY(st);
    }
    return GGDM_OK;
}

static ggdm_status compare_shards(ggdm_store *first, ggdm_store *s, ggdm_error *err)
{
    const ggdm_run_info *x = &first->info, *y = &s->info;
    char a[24], b[24];
    snprintf(a, sizeof a, "%d", x->shards);
    snprintf(b, sizeof b, "%d", y->shards);
    const struct {
        const char *what, *a, *b;
    } facts[] = {
        {"the number of shards", a, b},
        {"the version of ggdm", x->version, y->version},
        {"the library", x->library, y->library},
        {"the digest of the self-check", x->bits, y->bits},
        {"the instruction set", x->isa, y->isa},
        {"the precision", ggdm_precision_names[x->precision], ggdm_precision_names[y->precision]}};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        GGDM_TRY(same_fact(s->dir, facts[i].what, facts[i].a, facts[i].b, first->dir, err));
    GGDM_TRY(compare_sweeps(first, s, err));
    return compare_models(first, s, err);
}

/* Is every unit at rest?  Whoever opened a shard in the middle would merge a part of it. */
static ggdm_status check_rest(const ggdm_store *s, ggdm_error *err)
{
    const ggdm_store_counts *c = ggdm_store_counts_get(s);
    int64_t left =
        c->units[GGDM_UNIT_READY] + c->units[GGDM_UNIT_RUNNING] + c->units[GGDM_UNIT_FAILED];
    return left == 0 ? GGDM_OK
                     : GGDM_FAIL(err, GGDM_ECANCELLED,
                                 "%s: %" PRId64 " unit%s %s left to do, expected shards that "
                                 "are done",
                                 s->dir, left, ggdm_plural(left), ggdm_is(left));
}

/* Is s one of n shards that was not there before? */
static ggdm_status check_shard(const ggdm_store *s, const char *dir, int32_t n, const int32_t *at,
                               ggdm_error *err)
{
    if (s->info.shards == 0)
        return GGDM_FAIL(err, GGDM_EINVAL, "%s is a run of its own, expected shards of one", dir);
    if (s->info.shards != n)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s is shard %d of %d, but there are %d directories; expected all shards, "
                         "each once",
                         dir, s->info.shard, s->info.shards, n);
    if (at[s->info.shard] >= 0)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s is shard %d, which was there before; expected each once", dir,
                         s->info.shard);
    return GGDM_OK;
}

/* The shards in their order.  at [n]: position in dirs of shard 0, 1, ...; *cost: of all. */
static ggdm_status look_at_all(char *const *dirs, int32_t n, int32_t *at, double *cost,
                               ggdm_error *err)
{
    const ggdm_store_options inspect = {.mode = GGDM_STORE_INSPECT};
    ggdm_store *first = NULL, *other = NULL;
    ggdm_status st = GGDM_OK;
    *cost = 0;
    for (int32_t i = 0; i < n; i++)
        at[i] = -1;
    GGDM_TRY(ggdm_store_open(dirs[0], &inspect, &first, err));
    for (int32_t i = 0; i < n; i++) {
        if (i > 0)
            GGDM_TRY_GOTO(st, ggdm_store_open(dirs[i], &inspect, &other, err), done);
        ggdm_store *s = i > 0 ? other : first;
        GGDM_TRY_GOTO(st, compare_shards(first, s, err), done);
        GGDM_TRY_GOTO(st, check_shard(s, dirs[i], n, at, err), done);
        at[s->info.shard] = i;
        *cost += s->cost;
        GGDM_TRY_GOTO(st, check_rest(s, err), done);
        ggdm_store_close(&other);
    }
done:
    ggdm_store_close(&other);
    ggdm_store_close(&first);
    return st;
}

/* ---- joining -------------------------------------------------------------------------------- */

/* Units that score samples: a shard has them for itself, and their numbers may be those of other
 * units in other shards. */
#define SCORING(db) "SELECT id FROM " db ".tree WHERE steps = 0"
#define SCORING_UNITS(db) "SELECT id FROM " db ".unit WHERE tree IN (" SCORING(db) ")"

/* The first shard without what is its own: these units, archives, results. */
static ggdm_status drop_own(ggdm_store *s, ggdm_error *err)
{
    static const char *const steps[] = {
        "BEGIN IMMEDIATE",
        "DELETE FROM event WHERE unit IN (" SCORING_UNITS("main") ")",
        "DELETE FROM unit WHERE tree IN (" SCORING("main") ")",
        "DELETE FROM tree WHERE steps = 0",
        "UPDATE cell SET archived = 0",
        "DELETE FROM result",
        "COMMIT"};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        GGDM_TRY(ggdm_store_exec(s, steps[i], err));
    return GGDM_OK;
}

/* Where two plans differ: numbers are each store's own, but shards were planned by one program. */
#define DIFFERENT(table, text, where)                                                              \
    "(SELECT count(*) FROM main." table " AS a LEFT JOIN part." table " AS b USING (id) "          \
    "WHERE b." text " IS NOT a." text where ")"

/* Another shard's rows, from the attached database part. */
static ggdm_status add_rows(ggdm_store *s, const char *dir, ggdm_error *err)
{
    static const char *const steps[] = {
        "INSERT INTO main.unit SELECT * FROM part.unit WHERE tree NOT IN (" SCORING("part") ")",
        "INSERT INTO main.sample (trajectory, idx, unit, media, diverged, diverged_step, data) "
        "SELECT t.id, p.idx, p.unit, p.media, p.diverged, p.diverged_step, p.data "
        "FROM part.sample AS p JOIN part.trajectory AS o ON o.id = p.trajectory "
        "JOIN main.trajectory AS t ON t.key = o.key",
        "INSERT INTO main.record (trajectory, idx, data) SELECT t.id, p.idx, p.data "
        "FROM part.record AS p JOIN part.trajectory AS o ON o.id = p.trajectory "
        "JOIN main.trajectory AS t ON t.key = o.key",
        "INSERT INTO main.score (trajectory, scorer, first, count, data) "
        "SELECT t.id, s.id, p.first, p.count, p.data FROM part.score AS p "
        "JOIN part.trajectory AS o ON o.id = p.trajectory "
        "JOIN main.trajectory AS t ON t.key = o.key "
        "JOIN part.scorer AS x ON x.id = p.scorer JOIN main.scorer AS s ON s.text = x.text",
        "INSERT INTO main.checkpoint SELECT * FROM part.checkpoint",
        "INSERT INTO main.run (key, value) SELECT key, value FROM part.run WHERE key GLOB "
        "'threads *' ON CONFLICT (key) DO UPDATE SET value = '' WHERE value <> excluded.value",
        "INSERT INTO main.event (at, epoch, unit, from_state, to_state, attempt, worker, message) "
        "SELECT at, epoch, unit, from_state, to_state, attempt, worker, message FROM part.event "
        "WHERE unit NOT IN (" SCORING_UNITS("part") ") ORDER BY id",
        "UPDATE main.trajectory AS t SET done = t.done + p.done, diverged = t.diverged + "
        "p.diverged "
        "FROM part.trajectory AS p WHERE p.key = t.key"};
    int64_t other;
    GGDM_TRY(ggdm_store_ask_int(
        s,
        "SELECT " DIFFERENT("tree", "data", " AND a.steps > 0") " + " DIFFERENT(
            "trajectory", "key", "") " + " DIFFERENT("setting", "text",
                                                     "") " + " DIFFERENT("head", "text", ""),
        &other, err));
    if (other)
        return GGDM_FAIL(err, GGDM_ESTATE, "%s was planned in another way than the other shards",
                         dir);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        GGDM_TRY(ggdm_store_exec(s, steps[i], err));
    return GGDM_OK;
}

/* A shard's database beside ours; its store was closed, so it needs nothing but reading. */
static ggdm_status attach_shard(ggdm_store *s, const char *dir, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    char *path = NULL;
    GGDM_TRY(ggdm_path_join(dir, GGDM_STORE_FILE, &path, err));
    sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 1); /* (0 for stores of unknown origin) */
    ggdm_status st = ggdm_store_prepare(s, "ATTACH ?1 AS part", &stmt, err);
    if (st == GGDM_OK) {
        sqlite3_bind_text(stmt, 1, path, -1, SQLITE_STATIC);
        st = ggdm_store_run(s, stmt, err);
    }
    sqlite3_finalize(stmt);
    free(path);
    return st == GGDM_OK ? st : ggdm_error_prefix(err, "%s", dir);
}

static ggdm_status add_shard(ggdm_store *s, const char *dir, ggdm_error *err)
{
    GGDM_TRY(attach_shard(s, dir, err));
    ggdm_status st = ggdm_store_exec(s, "BEGIN IMMEDIATE", err);
    if (st == GGDM_OK)
        st = add_rows(s, dir, err);
    if (st == GGDM_OK)
        st = ggdm_store_exec(s, "COMMIT", err);
    if (!sqlite3_get_autocommit(s->db))
        ggdm_store_exec(s, "ROLLBACK", NULL);
    ggdm_status detached = ggdm_store_exec(s, "DETACH part", st == GGDM_OK ? err : NULL);
    return st != GGDM_OK ? st : detached;
}

/* All shards are in: it is a whole run now. */
static ggdm_status complete_run(ggdm_store *s, double cost, ggdm_error *err)
{
    int64_t missing;
    GGDM_TRY(ggdm_store_ask_int(s, "SELECT max(id) + 1 - count(*) FROM unit", &missing, err));
    if (missing)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: %" PRId64 " units are in no shard", s->dir,
                         missing);
    GGDM_TRY(ggdm_store_plan_scores(s, NULL, err));
    GGDM_TRY(ggdm_store_exec(s, "DELETE FROM run WHERE key = 'shard'", err));
    GGDM_TRY(ggdm_store_put_cost(s, cost, err));
    GGDM_TRY(ggdm_store_exec(s, "DELETE FROM counter", err));
    char *sql = NULL;
    GGDM_TRY(ggdm_asprintf(&sql, err, "INSERT INTO counter (name, value) %s",
                           ggdm_store_sql[GGDM_SQL_COUNT_ALL]));
    ggdm_status st = ggdm_store_exec(s, sql, err);
    free(sql);
    return st;
}

static ggdm_status snapshot_of(const char *dir, const char *path, ggdm_error *err)
{
    const ggdm_store_options inspect = {.mode = GGDM_STORE_INSPECT};
    ggdm_store *s = NULL;
    GGDM_TRY(ggdm_store_open(dir, &inspect, &s, err));
    ggdm_status st = ggdm_store_snapshot(s, path, err);
    ggdm_store_close(&s);
    return st;
}

/* In the directory place, which is new. */
static ggdm_status join_shards(const char *place, char *const *dirs, const int32_t *at, int32_t n,
                               double cost, ggdm_error *err)
{
    const ggdm_store_options inspect = {.mode = GGDM_STORE_INSPECT};
    ggdm_store *s = NULL;
    char *path = NULL;
    GGDM_TRY(ggdm_make_dirs(place, err));
    GGDM_TRY(ggdm_path_join(place, GGDM_STORE_FILE, &path, err));
    ggdm_status st;
    GGDM_TRY_GOTO(st, snapshot_of(dirs[at[0]], path, err), done);
    GGDM_TRY_GOTO(st, ggdm_store_open(place, &inspect, &s, err), done);
    GGDM_TRY_GOTO(st, drop_own(s, err), done);
    for (int32_t i = 1; i < n; i++)
        GGDM_TRY_GOTO(st, add_shard(s, dirs[at[i]], err), done);
    GGDM_TRY_GOTO(st, ggdm_store_exec(s, "BEGIN IMMEDIATE", err), done);
    st = complete_run(s, cost, err);
    if (st == GGDM_OK)
        st = ggdm_store_exec(s, "COMMIT", err);
done:
    if (s && !sqlite3_get_autocommit(s->db))
        ggdm_store_exec(s, "ROLLBACK", NULL);
    ggdm_store_close(&s);
    free(path);
    return st;
}

/* The database from where it was made to where it belongs; all of it, so nothing may be left in a
 * log (closing writes that into the database, but does not say when it cannot). */
static ggdm_status move_to(const char *dir, const char *place, ggdm_error *err)
{
    char *from = NULL, *to = NULL, *log = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_path_join(place, GGDM_STORE_FILE, &from, err), done);
    GGDM_TRY_GOTO(st, ggdm_path_join(place, GGDM_STORE_FILE "-wal", &log, err), done);
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, GGDM_STORE_FILE, &to, err), done);
    if (ggdm_exists(log))
        st = GGDM_FAIL(err, GGDM_EIO, "%s: could not be written as a whole", from);
    else if (rename(from, to) != 0)
        st = GGDM_FAIL_ERRNO(err, errno, "%s: cannot be renamed to %s", from, to);
    else
        st = ggdm_sync_dir(dir, err);
done:
    free(from);
    free(log);
    free(to);
    return st;
}

ggdm_status ggdm_store_merge(const char *dir, char *const *shards, int32_t n, ggdm_error *err)
{
    int32_t *at = NULL;
    char *place = NULL;
    double cost;
    ggdm_status st;
    GGDM_TRY(ggdm_alloc(&at, (size_t)n, sizeof *at, err));
    GGDM_TRY_GOTO(st, look_at_all(shards, n, at, &cost, err), done);
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, "merging", &place, err), done);
    ggdm_remove_tree(place); /* of one that was killed */
    st = join_shards(place, shards, at, n, cost, err);
    if (st == GGDM_OK)
        st = move_to(dir, place, err);
    ggdm_remove_tree(place);
done:
    free(place);
    free(at);
    return st;
}
