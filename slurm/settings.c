#include "slurm/settings.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/nearest.h"
#include "common/yaml.h"

#define MAX_SITE ((size_t)1 << 20) /* bytes */
#define MAX_COUNT 1000000          /* nodes, tasks, cores */

const ggdm_slurm_setting ggdm_slurm_settings[] = {
    [GGDM_SLURM_NODES] = {"nodes", "N", "nodes", "nodes of the job"},
    [GGDM_SLURM_TIME] = {"time", "T", "time",
                         "its longest duration: minutes, H:M:S or D-H:M:S; a run that needs longer "
                         "is continued by the job itself"},
    [GGDM_SLURM_TASKS] = {"tasks_per_node", "N", "ntasks-per-node",
                          "workers on each node (default: its cores by those of a worker)"},
    [GGDM_SLURM_CPUS] = {"cpus_per_task", "M", "cpus-per-task",
                         "cores of each worker, and its threads (default: --threads or 1)"},
    [GGDM_SLURM_MEMORY] = {"memory", "SIZE", "mem", "memory of each node, such as 16G"},
    [GGDM_SLURM_PARTITION] = {"partition", "NAME", "partition", "partition to queue in"},
    [GGDM_SLURM_ACCOUNT] = {"account", "NAME", "account", "account that pays"},
    [GGDM_SLURM_QOS] = {"qos", "NAME", "qos", "quality of service"},
    [GGDM_SLURM_CONSTRAINT] = {"constraint", "LIST", "constraint",
                               "features of nodes, such as avx512"},
    [GGDM_SLURM_MAIL] = {"mail", "ADDRESS", "mail-user", "who is told of its end and its failure"},
    [GGDM_SLURM_LAUNCHER] = {"launcher", "NAME", NULL,
                             "what starts the ranks: mpirun (default) or srun (--mpi=pmix)"},
    [GGDM_SLURM_CONTAINER] = {"container", "IMAGE", NULL, "run inside this Apptainer image"},
    [GGDM_SLURM_SETUP] = {"setup", "LINE", NULL,
                          "shell line that prepares the environment, such as `module load "
                          "openmpi'; may be given several times"},
};

void ggdm_slurm_job_deinit(ggdm_slurm_job *job)
{
    for (int i = 0; i < GGDM_SLURM_N_KEYS; i++)
        free(job->value[i]);
    *job = (ggdm_slurm_job){{0}};
}

/* ---- what values may be --------------------------------------------------------------------- */

/* Numbers and separators of FORMAT, in which 9 stands for a number: "9-9:9".  Returns how many
 * numbers were read into v, 0 when text does not have this form. */
static int match(const char *text, const char *format, int64_t v[4])
{
    int n = 0;
    for (; *format; format++) {
        if (*format != '9') {
            if (*text++ != *format)
                return 0;
            continue;
        }
        int digits = 0;
        for (v[n] = 0; isdigit((unsigned char)*text) && digits < 7; digits++)
            v[n] = 10 * v[n] + (*text++ - '0');
        if (digits == 0)
            return 0;
        n++;
    }
    return *text ? 0 : n;
}

int64_t ggdm_slurm_seconds(const char *text)
{
    static const struct {
        const char *format;
        int64_t unit[4];
    } forms[] = {{"9", {60}},
                 {"9:9", {60, 1}},
                 {"9:9:9", {3600, 60, 1}},
                 {"9-9", {86400, 3600}},
                 {"9-9:9", {86400, 3600, 60}},
                 {"9-9:9:9", {86400, 3600, 60, 1}}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        int64_t v[4] = {0}, seconds = 0;
        int n = match(text, forms[i].format, v);
        for (int k = 0; k < n; k++)
            seconds += v[k] * forms[i].unit[k];
        if (n)
            return seconds;
    }
    return -1;
}

static bool is_count(const char *text)
{
    int64_t v[4];
    return match(text, "9", v) == 1 && v[0] >= 1 && v[0] <= MAX_COUNT;
}

/* A word that needs no quotes after "#SBATCH --x=". */
static bool is_word(const char *text)
{
    return *text && text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789._,:@%+=/&|()[]*-")] == '\0';
}

static const char *expected(ggdm_slurm_key key, const char *value)
{
    switch (key) {
    case GGDM_SLURM_NODES:
    case GGDM_SLURM_TASKS:
    case GGDM_SLURM_CPUS:
        return is_count(value) ? NULL : "an integer from 1 to 1000000";
    case GGDM_SLURM_TIME:
        return ggdm_slurm_seconds(value) >= 60 ? NULL : "at least a minute as M, H:M:S or D-H:M:S";
    case GGDM_SLURM_LAUNCHER:
        return strcmp(value, "mpirun") == 0 || strcmp(value, "srun") == 0 ? NULL : "mpirun or srun";
    case GGDM_SLURM_CONTAINER:
    case GGDM_SLURM_SETUP:
        return *value ? NULL : "a text";
    default:
        return is_word(value) ? NULL : "a word";
    }
}

/* ---- setting -------------------------------------------------------------------------------- */

/* first and second as two lines; either may be NULL. */
static ggdm_status join_lines(const char *first, const char *second, char **out, ggdm_error *err)
{
    return ggdm_asprintf(out, err, "%s%s%s", first ? first : "", first && second ? "\n" : "",
                         second ? second : "");
}

ggdm_status ggdm_slurm_job_set(ggdm_slurm_job *job, ggdm_slurm_key key, const char *value,
                               ggdm_error *err)
{
    const char *wanted = expected(key, value);
    char *text = NULL;
    if (wanted)
        return GGDM_FAIL(err, GGDM_EINVAL, "value '%.200s', expected %s", value, wanted);
    if (key == GGDM_SLURM_SETUP)
        GGDM_TRY(join_lines(job->value[key], value, &text, err));
    else
        GGDM_TRY(ggdm_strdup(value, &text, err));
    free(job->value[key]);
    job->value[key] = text;
    return GGDM_OK;
}

static ggdm_status take_scalar(ggdm_slurm_job *site, ggdm_slurm_key key, const ggdm_node *n,
                               ggdm_error *err)
{
    if (n->kind == GGDM_NODE_LIST || n->kind == GGDM_NODE_MAP || n->kind == GGDM_NODE_NULL)
        return ggdm_node_expected(n, err, "a text or a number");
    const char *wanted = expected(key, n->text);
    return wanted ? ggdm_node_expected(n, err, "%s", wanted)
                  : ggdm_slurm_job_set(site, key, n->text, err);
}

static ggdm_status fail_unknown(const ggdm_node *n, ggdm_error *err)
{
    ggdm_nearest meant = {.word = n->key};
    for (int key = 0; key < GGDM_SLURM_N_KEYS; key++)
        ggdm_nearest_try(&meant, ggdm_slurm_settings[key].key);
    if (meant.name)
        return ggdm_node_fail_key(n, err, "unknown key, did you mean '%s'?", meant.name);
    return ggdm_node_fail_key(n, err,
                              "unknown key, expected one of those of `ggdm submit --help` with '_' "
                              "for '-'");
}

static ggdm_status take_node(ggdm_slurm_job *site, const ggdm_node *n, ggdm_error *err)
{
    int key = 0;
    while (key < GGDM_SLURM_N_KEYS && strcmp(n->key, ggdm_slurm_settings[key].key) != 0)
        key++;
    if (key == GGDM_SLURM_N_KEYS)
        return fail_unknown(n, err);
    if (key != GGDM_SLURM_SETUP || n->kind != GGDM_NODE_LIST)
        return take_scalar(site, (ggdm_slurm_key)key, n, err);
    for (const ggdm_node *line = n->first; line; line = line->next)
        GGDM_TRY(take_scalar(site, GGDM_SLURM_SETUP, line, err));
    return GGDM_OK;
}

/* What the site says where the job says nothing; the lines of both. */
static ggdm_status merge(ggdm_slurm_job *job, ggdm_slurm_job *site, ggdm_error *err)
{
    char *lines = NULL;
    if (job->value[GGDM_SLURM_SETUP] && site->value[GGDM_SLURM_SETUP]) {
        GGDM_TRY(
            join_lines(site->value[GGDM_SLURM_SETUP], job->value[GGDM_SLURM_SETUP], &lines, err));
        free(job->value[GGDM_SLURM_SETUP]);
        job->value[GGDM_SLURM_SETUP] = lines;
    }
    for (int key = 0; key < GGDM_SLURM_N_KEYS; key++)
        if (!job->value[key]) {
            job->value[key] = site->value[key];
            site->value[key] = NULL;
        }
    return GGDM_OK;
}

ggdm_status ggdm_slurm_job_read(ggdm_slurm_job *job, const char *path, ggdm_error *err)
{
    char *text = NULL;
    size_t size;
    ggdm_doc *doc = NULL;
    ggdm_slurm_job site = {{0}};
    ggdm_status st;
    GGDM_TRY(ggdm_read_file(path, MAX_SITE, &text, &size, err));
    GGDM_TRY_GOTO(st, ggdm_yaml_parse(text, size, path, &doc, err), done);
    if (doc->root->kind != GGDM_NODE_MAP && doc->root->kind != GGDM_NODE_NULL)
        GGDM_TRY_GOTO(st, ggdm_node_expected(doc->root, err, "a map such as `partition: long'"),
                      done);
    for (const ggdm_node *n = doc->root->first; n; n = n->next)
        GGDM_TRY_GOTO(st, take_node(&site, n, err), done);
    st = merge(job, &site, err);
done:
    ggdm_slurm_job_deinit(&site);
    ggdm_doc_destroy(&doc);
    free(text);
    return st;
}

int64_t ggdm_slurm_job_number(const ggdm_slurm_job *job, ggdm_slurm_key key)
{
    return strtoll(job->value[key], NULL, 10);
}
