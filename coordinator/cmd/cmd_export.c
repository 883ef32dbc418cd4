/* `ggdm export`: the images of a run, for others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/plural.h"
#include "coordinator/cmd/command.h"
#include "coordinator/cmd/crate.h"
#include "coordinator/run/dir_args.h"
#include "jobs/archive.h"
#include "jobs/cell_select.h"
#include "jobs/measures.h"

/* Those of the archive, cell by cell, one table of all, and the run as a whole. */
enum { CSV = GGDM_EXPORT_PNG + 1, ROCRATE };
static const char *const formats[] = {[GGDM_EXPORT_TAR] = "tar", [GGDM_EXPORT_NPZ] = "npz",
                                      [GGDM_EXPORT_PNG] = "png", [CSV] = "csv",
                                      [ROCRATE] = "rocrate",     NULL};

typedef struct export_options {
    ggdm_dir_options where;
    int format; /* in formats; -1: not given */
    const char *cells, *out;
} export_options;

static ggdm_status export_cells(const ggdm_results *r, const export_options *o, const bool *chosen,
                                const char *out, ggdm_error *err)
{
    int32_t written = 0, incomplete = 0, least = INT32_MAX, most = 0;
    for (int32_t i = 0; i < r->n_rows; i++) {
        const ggdm_store_cell *cell = &r->rows[i].cell;
        if (chosen && !chosen[i])
            continue;
        if (cell->done != cell->wanted) {
            incomplete++;
            continue;
        }
        GGDM_TRY(ggdm_archive_export(r, out, i, (ggdm_export_format)o->format, err));
        written++;
        least = cell->wanted < least ? cell->wanted : least;
        most = cell->wanted > most ? cell->wanted : most;
    }
    if (incomplete)
        ggdm_log(GGDM_LOG_WARN, "%d cell%s %s incomplete and left out", incomplete,
                 ggdm_plural(incomplete), ggdm_is(incomplete));
    printf("%d cell%s of ", written, ggdm_plural(written));
    if (least < most)
        printf("%d to ", least);
    printf("%d image%s below %s\n", most, ggdm_plural(most), out);
    return GGDM_OK;
}

static ggdm_status export_table(const ggdm_results *r, const bool *chosen, const char *out,
                                ggdm_error *err)
{
    char *path = NULL;
    int64_t n = 0;
    GGDM_TRY(ggdm_make_dirs(out, err));
    GGDM_TRY(ggdm_path_join(out, "images.csv", &path, err));
    ggdm_status st = ggdm_measures_write(r, chosen, path, &n, err);
    if (st == GGDM_OK)
        printf("%lld image%s in %s\n", (long long)n, ggdm_plural(n), path);
    free(path);
    return st;
}

static ggdm_status export_run(const export_options *o, ggdm_error *err)
{
    ggdm_store *store = NULL;
    ggdm_results r = {0};
    bool *chosen = NULL;
    char *out = NULL;
    const char *place;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_dir_read(o->where.dir, &store, err), done);
    GGDM_TRY_GOTO(st, ggdm_dir_to_write(o->where.dir, o->out, "export", &place, err), done);
    GGDM_TRY_GOTO(st, ggdm_results_open(store, &r, err), done);
    if (o->cells)
        GGDM_TRY_GOTO(st, ggdm_cell_select_in(store, o->cells, &chosen, err), done);
    GGDM_TRY_GOTO(st,
                  o->out ? ggdm_strdup(o->out, &out, err)
                         : ggdm_path_join(o->where.dir, "export", &out, err),
                  done);
    st = o->format == CSV ? export_table(&r, chosen, out, err)
                          : export_cells(&r, o, chosen, out, err);
done:
    ggdm_results_deinit(&r);
    free(chosen);
    free(out);
    return ggdm_dir_done(&store, st, err);
}

static ggdm_status export_crate(const export_options *o, ggdm_error *err)
{
    ggdm_store *store = NULL;
    ggdm_status st = ggdm_dir_read(o->where.dir, &store, err);
    if (st == GGDM_OK)
        st = ggdm_crate_write(store, o->where.dir, o->out, err);
    st = ggdm_dir_done(&store, st, err);
    if (st == GGDM_OK)
        printf("the run as an RO-Crate in %s; " GGDM_CRATE_METADATA_FILE
               " there wants a licence and authors before it is published\n",
               o->out);
    return st;
}

static const struct argp_option export_arguments[] = {
    {"format", 'f', "tar|npz|png|csv|rocrate", 0,
     "tar: WebDataset; npz: arr_0 u8 NHWC, arr_1 labels; png: a file an image; csv: images.csv, a "
     "line with the measures of each image that is there; rocrate: a copy of the run to be "
     "published, described by RO-Crate",
     0},
    {"cell", 'c', "EXPR", 0, "these cells only", 0},
    {"out", 'o', "DIR", 0,
     "where to write CELL/... or images.csv (default: export below the run directory); rocrate: "
     "the "
     "new directory of the crate",
     0},
    {0},
};

static error_t parse_export(int key, char *arg, struct argp_state *state)
{
    export_options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->where;
        break;
    case 'f':
        o->format = ggdm_command_choice(state, "--format", arg, formats);
        break;
    case 'c':
        o->cells = arg;
        break;
    case 'o':
        o->out = arg;
        break;
    case ARGP_KEY_END:
        if (o->format < 0)
            argp_error(state, "--format is missing, expected tar, npz, png, csv or rocrate");
        if (o->format == ROCRATE && !o->out)
            argp_error(state, "--out is missing, expected the new directory of the crate");
        if (o->format == ROCRATE && o->cells)
            argp_error(state, "--cell: a crate has all cells");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int ggdm_cmd_export(int argc, char **argv)
{
    static const struct argp argp = {
        export_arguments,
        parse_export,
        "DIR",
        "Write the images of complete cells of the run in DIR, the measures of all its images, or "
        "the whole run to be published.\v" GGDM_CELL_SELECT_HELP
        "Example:\n  ggdm export runs/figure4 --format png --cell 'steps=50' --out pictures",
        ggdm_dir_children,
        NULL,
        NULL};
    export_options options = {.format = -1};
    ggdm_error err = {0};
    if (ggdm_command_parse(&argp, argc, argv, &options))
        return GGDM_EXIT_USAGE;
    const ggdm_status st =
        options.format == ROCRATE ? export_crate(&options, &err) : export_run(&options, &err);
    return st == GGDM_OK ? GGDM_EXIT_OK : ggdm_command_fail("export", &err);
}
