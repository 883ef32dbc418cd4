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

/* ---- what values may be --------------------------------------------------------------------- */

/* Numbers and separators of FORMAT, in which 9 stands for a number: "9-9:9".  Returns how many
 * numbers were read into v, 0 when text does not have this form. */
static int match_form(const char *text, const char *format, int64_t v[4])
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
        int n = match_form(text, forms[i].format, v);
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
    return match_form(text, "9", v) == 1 && v[0] >= 1 && v[0] <= MAX_COUNT;
}

/* A word that needs no quotes after "#SBATCH --x=". */
static bool is_word(const char *text)
{
    return *text && text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789._,:@%+=/&|()[]*-")] == '\0';
}

/* Mebibytes, or with a unit. */
static bool is_size(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    const char *unit = text + digits;
    return digits && digits < 16 && strspn(unit, "KMGTkmgt") < 2 &&
           (!*unit || strcmp(unit + 1, "") == 0 || strcasecmp(unit + 1, "B") == 0);
}

static bool is_address(const char *text)
{
    const char *at = strchr(text, '@');
    return is_word(text) && at && at > text && at[1] && !strchr(at + 1, '@');
}

static bool is_time(const char *text)
{
    return ggdm_slurm_seconds(text) >= 60;
}

static bool is_launcher(const char *text)
{
    return strcmp(text, "mpirun") == 0 || strcmp(text, "srun") == 0;
}

/* A file that is there, or something that Apptainer fetches. */
static bool is_image(const char *text)
{
    return ggdm_exists(text) || strstr(text, "://");
}

static bool is_text(const char *text)
{
    return *text != '\0';
}

/* One line of #SBATCH, and not of what script and estimate depend on. */
static bool is_sbatch_option(const char *text)
{
    static const char *const own[] = {"nodes",  "ntasks",        "ntasks-per-node",
                                      "time",   "cpus-per-task", "array",
                                      "output", "open-mode",     "requeue",
                                      "signal", "no-requeue",    "no-kill",
                                      "wrap",   "parsable",      NULL};
    if (strncmp(text, "--", 2) != 0 || !islower((unsigned char)text[2]))
        return false;
    for (const char *c = text; *c; c++)
        if (iscntrl((unsigned char)*c))
            return false;
    size_t len = strcspn(text + 2, "= ");
    for (int i = 0; own[i]; i++)
        if (strlen(own[i]) == len && strncmp(own[i], text + 2, len) == 0)
            return false;
    return true;
}

#define COUNT is_count, "an integer from 1 to 1000000"
#define WORD is_word, "a word"

const ggdm_slurm_setting ggdm_slurm_settings[] = {
    [GGDM_SLURM_NODES] = {"nodes", "N", "nodes of the job", COUNT},
    [GGDM_SLURM_TIME] = {"time", "T",
                         "its longest duration: minutes, H:M:S or D-H:M:S; a run that needs longer "
                         "is continued by the job itself",
                         is_time, "at least a minute as M, H:M:S or D-H:M:S"},
    [GGDM_SLURM_TASKS] = {"tasks_per_node", "N",
                          "workers on each node (default: its cores by those of a worker)", COUNT},
    [GGDM_SLURM_CPUS] = {"cpus_per_task", "M",
                         "cores of each worker, and its threads (default: --threads or 1)", COUNT},
    [GGDM_SLURM_MEMORY] = {"memory", "SIZE", "memory of each node, such as 16G", is_size,
                           "a size such as 16G or 4000M"},
    [GGDM_SLURM_PARTITION] = {"partition", "NAME", "partition to queue in", WORD},
    [GGDM_SLURM_ACCOUNT] = {"account", "NAME", "account that pays", WORD},
    [GGDM_SLURM_QOS] = {"qos", "NAME", "quality of service", WORD},
    [GGDM_SLURM_CONSTRAINT] = {"constraint", "LIST", "features of nodes, such as avx512", WORD},
    [GGDM_SLURM_MAIL] = {"mail", "ADDRESS", "who is told of its end and its failure", is_address,
                         "an address such as name@example.org"},
    [GGDM_SLURM_LAUNCHER] = {"launcher", "NAME",
                             "what starts the ranks: mpirun (default) or srun (--mpi=pmix)",
                             is_launcher, "mpirun or srun"},
    [GGDM_SLURM_CONTAINER] = {"container", "IMAGE", "run inside this Apptainer image", is_image,
                              "the file of an image, or its address (docker://...)"},
    [GGDM_SLURM_SETUP] = {"setup", "LINE",
                          "shell line that prepares the environment, such as `module load "
                          "openmpi'; may be given several times",
                          is_text, "a text", "\n"},
    [GGDM_SLURM_SBATCH] = {"sbatch", "OPTION",
                           "further option of sbatch, such as --exclusive; may be given several "
                           "times",
                           is_sbatch_option,
                           "an option of sbatch that begins with `--', and none of its nodes, "
                           "tasks, cores, time, output, array and requeueing, which ggdm sets",
                           "\n#SBATCH "},
};

void ggdm_slurm_job_deinit(ggdm_slurm_job *job)
{
    for (int i = 0; i < GGDM_SLURM_N_KEYS; i++)
        free(job->value[i]);
    *job = (ggdm_slurm_job){{0}};
}

/* ---- setting -------------------------------------------------------------------------------- */

ggdm_status ggdm_slurm_job_set(ggdm_slurm_job *job, ggdm_slurm_key key, const char *value,
                               ggdm_error *err)
{
    const ggdm_slurm_setting *s = &ggdm_slurm_settings[key];
    char *text = NULL;
    if (!s->fits(value))
        return GGDM_FAIL(err, GGDM_EINVAL, "value '%.200s', expected %s", value, s->expected);
    if (s->joint && job->value[key])
        GGDM_TRY(ggdm_asprintf(&text, err, "%s%s%s", job->value[key], s->joint, value));
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
    if (!ggdm_slurm_settings[key].fits(n->text))
        return ggdm_node_expected(n, err, "%s", ggdm_slurm_settings[key].expected);
    return ggdm_slurm_job_set(site, key, n->text, err);
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
    if (!ggdm_slurm_settings[key].joint || n->kind != GGDM_NODE_LIST)
        return take_scalar(site, (ggdm_slurm_key)key, n, err);
    for (const ggdm_node *item = n->first; item; item = item->next)
        GGDM_TRY(take_scalar(site, (ggdm_slurm_key)key, item, err));
    return GGDM_OK;
}

/* What the site says where the job says nothing, and before it where there may be several. */
static ggdm_status merge_site(ggdm_slurm_job *job, ggdm_slurm_job *site, ggdm_error *err)
{
    for (int key = 0; key < GGDM_SLURM_N_KEYS; key++) {
        const char *joint = ggdm_slurm_settings[key].joint;
        char **own = &job->value[key], **of_site = &site->value[key], *both = NULL;
        if (*own && *of_site && joint) {
            GGDM_TRY(ggdm_asprintf(&both, err, "%s%s%s", *of_site, joint, *own));
            free(*own);
            *own = both;
        } else if (!*own) {
            *own = *of_site;
            *of_site = NULL;
        }
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
    st = merge_site(job, &site, err);
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
