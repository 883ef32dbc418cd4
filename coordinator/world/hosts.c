#include "coordinator/world/hosts.h"

#include <ctype.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "slurm/nodelist.h"

#define MAX_SLOTS 100000
#define INTERACTIVE_STEP "4294967290" /* SLURM_INTERACTIVE_STEP of slurm.h */
#define MAX_FILE ((size_t)16 << 20)   /* bytes */

void ggdm_hosts_deinit(ggdm_hosts *hosts)
{
    free(hosts->list);
    *hosts = (ggdm_hosts){0};
}

/* Of this and that, which may be written many times: so few that they can be summed. */
static int at_most(int slots)
{
    return slots < MAX_SLOTS ? slots : MAX_SLOTS;
}

static ggdm_status add_host(ggdm_hosts *h, size_t *cap, const char *name, size_t len, int slots,
                            ggdm_error *err)
{
    bool fine = len > 0 && len < GGDM_HOST_NAME_SIZE && name[0] != '-';
    for (size_t i = 0; i < len && fine; i++)
        fine = isalnum((unsigned char)name[i]) || strchr("-._", name[i]);
    if (!fine)
        return GGDM_FAIL(err, GGDM_EINVAL, "host '%.*s', expected a name such as node1", (int)len,
                         name);
    GGDM_TRY(ggdm_grow(&h->list, cap, h->n + 1, sizeof *h->list, err));
    ggdm_host *host = &h->list[h->n++];
    *host = (ggdm_host){.slots = slots};
    memcpy(host->name, name, len);
    return GGDM_OK;
}

/* By name, and of one name the first. */
static int by_name(const void *a, const void *b)
{
    const ggdm_host *x = *(ggdm_host *const *)a, *y = *(ggdm_host *const *)b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x > y) - (x < y);
}

/* Each host once, at its first place, with the slots of all its places (Open MPI adds them up). */
static ggdm_status join_same(ggdm_hosts *h, ggdm_error *err)
{
    ggdm_host **sorted = NULL;
    size_t n = 0;
    GGDM_TRY(ggdm_alloc(&sorted, h->n, sizeof *sorted, err));
    for (size_t i = 0; i < h->n; i++)
        sorted[i] = &h->list[i];
    qsort(sorted, h->n, sizeof *sorted, by_name);
    for (size_t i = 1, first = 0; i < h->n; i++) {
        if (strcmp(sorted[i]->name, sorted[first]->name) != 0) {
            first = i;
            continue;
        }
        sorted[first]->slots = at_most(sorted[first]->slots + sorted[i]->slots);
        sorted[i]->name[0] = '\0';
    }
    free(sorted);
    for (size_t i = 0; i < h->n; i++)
        if (h->list[i].name[0])
            h->list[n++] = h->list[i];
    h->n = n;
    return GGDM_OK;
}

static ggdm_status read_slots(const char *text, size_t len, int *out, ggdm_error *err)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (len == 0 || end != text + len || n < 1 || n > MAX_SLOTS)
        return GGDM_FAIL(err, GGDM_EINVAL, "slots '%.*s', expected an integer from 1 to %d",
                         (int)len, text, MAX_SLOTS);
    *out = (int)n;
    return GGDM_OK;
}

/* "name" or "name:4" */
static ggdm_status add_word(ggdm_hosts *h, size_t *cap, const char *word, size_t len,
                            ggdm_error *err)
{
    const char *colon = memchr(word, ':', len);
    int slots = 0;
    if (colon)
        GGDM_TRY(read_slots(colon + 1, (size_t)(word + len - colon - 1), &slots, err));
    return add_host(h, cap, word, colon ? (size_t)(colon - word) : len, slots, err);
}

ggdm_status ggdm_hosts_parse(const char *text, ggdm_hosts *out, ggdm_error *err)
{
    ggdm_status st = GGDM_OK;
    size_t cap = 0;
    *out = (ggdm_hosts){0};
    for (const char *at = text; st == GGDM_OK; at += strcspn(at, ",") + 1) {
        st = add_word(out, &cap, at, strcspn(at, ","), err);
        if (!at[strcspn(at, ",")])
            break;
    }
    if (st == GGDM_OK)
        st = join_same(out, err);
    if (st != GGDM_OK) {
        ggdm_hosts_deinit(out);
        ggdm_error_prefix(err, "--hosts %.200s", text);
    }
    return st;
}

/* One line of a hostfile. */
static ggdm_status read_line(ggdm_hosts *h, size_t *cap, char *line, ggdm_error *err)
{
    line[strcspn(line, "#\r")] = '\0';
    char *save, *name = strtok_r(line, " \t", &save);
    if (!name)
        return GGDM_OK;
    GGDM_TRY(add_word(h, cap, name, strlen(name), err));
    for (char *word; (word = strtok_r(NULL, " \t", &save));) {
        int slots = 0;
        if (strncmp(word, "max_slots=", 10) == 0 || strncmp(word, "max-slots=", 10) == 0)
            continue;
        if (strncmp(word, "slots=", 6) != 0)
            return GGDM_FAIL(err, GGDM_EINVAL, "'%.60s', expected slots=N", word);
        GGDM_TRY(read_slots(word + 6, strlen(word + 6), &slots, err));
        h->list[h->n - 1].slots = slots;
    }
    return GGDM_OK;
}

ggdm_status ggdm_hosts_read(const char *path, ggdm_hosts *out, ggdm_error *err)
{
    char *text = NULL;
    size_t cap = 0;
    *out = (ggdm_hosts){0};
    GGDM_TRY(ggdm_read_file(path, MAX_FILE, &text, NULL, err));
    ggdm_status st = GGDM_OK;
    int number = 0;
    for (char *line = text, *next; line && st == GGDM_OK; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        number++;
        st = read_line(out, &cap, line, err);
        if (st != GGDM_OK)
            ggdm_error_prefix(err, "%s:%d", path, number);
    }
    free(text);
    if (st == GGDM_OK)
        st = join_same(out, err);
    if (st == GGDM_OK && out->n == 0)
        st = GGDM_FAIL(err, GGDM_EINVAL, "%s: no host, expected lines such as 'node1 slots=4'",
                       path);
    if (st != GGDM_OK)
        ggdm_hosts_deinit(out);
    return st;
}

/* ---- Slurm ---- */

/* SLURM_TASKS_PER_NODE: "2(x3),1" gives 2 2 2 1 to the hosts in their order. */
static void spread_tasks(ggdm_hosts *h, const char *text)
{
    size_t host = 0;
    while (text && *text && host < h->n) {
        int tasks = 0, times = 1, used = 0;
        if (sscanf(text, "%d%n", &tasks, &used) != 1 || tasks < 1)
            return;
        text += used;
        if (sscanf(text, "(x%d)%n", &times, &used) == 1)
            text += used;
        for (; times > 0 && host < h->n; times--)
            h->list[host++].slots = at_most(tasks);
        text += *text == ',';
    }
}

typedef struct node_list {
    ggdm_hosts *hosts;
    size_t cap;
} node_list;

static ggdm_status add_node(void *context, const char *name, ggdm_error *err)
{
    node_list *l = context;
    return add_host(l->hosts, &l->cap, name, strlen(name), 0, err);
}

/* In a step that srun has started (other than the one in which salloc puts a shell), a process has
 * the step's cores of this node, not the job's nodes. */
static bool in_step(void)
{
    const char *step = getenv("SLURM_STEP_ID");
    return step && strcmp(step, INTERACTIVE_STEP) != 0;
}

ggdm_status ggdm_hosts_of_slurm(ggdm_hosts *out, ggdm_error *err)
{
    const char *job = getenv("SLURM_JOB_ID"), *nodes = getenv("SLURM_JOB_NODELIST");
    node_list list = {.hosts = out};
    *out = (ggdm_hosts){0};
    if (!job || !nodes || in_step())
        return GGDM_OK;
    ggdm_status st = ggdm_slurm_each_node(nodes, add_node, &list, err);
    if (st == GGDM_OK)
        st = join_same(out, err);
    if (st != GGDM_OK) {
        ggdm_hosts_deinit(out);
        return ggdm_error_prefix(err, "Slurm job %s: SLURM_JOB_NODELIST", job);
    }
    spread_tasks(out, getenv("SLURM_TASKS_PER_NODE"));
    out->slurm = true;
    return GGDM_OK;
}

/* ---- use ---- */

void ggdm_hosts_raise_slots(ggdm_hosts *hosts, int slots)
{
    for (size_t i = 0; i < hosts->n; i++)
        if (hosts->list[i].slots < slots)
            hosts->list[i].slots = slots;
}

void ggdm_hosts_default_slots(ggdm_hosts *hosts, int slots)
{
    for (size_t i = 0; i < hosts->n; i++)
        if (hosts->list[i].slots == 0)
            hosts->list[i].slots = slots;
}

int ggdm_hosts_slots(const ggdm_hosts *hosts)
{
    int64_t n = 0;
    for (size_t i = 0; i < hosts->n; i++)
        n += hosts->list[i].left_out ? 0 : hosts->list[i].slots;
    return (int)(n < INT_MAX ? n : INT_MAX);
}

size_t ggdm_hosts_in(const ggdm_hosts *hosts)
{
    size_t n = 0;
    for (size_t i = 0; i < hosts->n; i++)
        n += !hosts->list[i].left_out;
    return n;
}

ggdm_status ggdm_hosts_of_ranks(const ggdm_hosts *hosts, int ranks, char **out, ggdm_error *err)
{
    size_t size = (size_t)ranks * (GGDM_HOST_NAME_SIZE + 1) + 1, at = 0, i = 0;
    char *text;
    const bool any = ggdm_hosts_slots(hosts) > 0;
    GGDM_TRY(ggdm_alloc(&text, size, 1, err));
    *out = text;
    for (; any && ranks > 0; i = (i + 1) % hosts->n) {
        const ggdm_host *h = &hosts->list[i];
        if (h->left_out)
            continue;
        for (int left = h->slots + (at == 0); left > 0 && ranks > 0; left--, ranks--)
            at += (size_t)snprintf(text + at, size - at, "%s%s", at ? "," : "", h->name);
    }
    return GGDM_OK;
}

ggdm_status ggdm_hosts_argument(const ggdm_hosts *hosts, char **out, ggdm_error *err)
{
    size_t size = hosts->n * (GGDM_HOST_NAME_SIZE + 12) + 1, at = 0;
    char *text;
    GGDM_TRY(ggdm_alloc(&text, size, 1, err));
    for (size_t i = 0; i < hosts->n; i++) {
        const ggdm_host *h = &hosts->list[i];
        if (h->left_out)
            continue;
        const char *comma = at ? "," : "";
        if (hosts->slurm)
            at += (size_t)snprintf(text + at, size - at, "%s%s:*", comma, h->name);
        else
            at += (size_t)snprintf(text + at, size - at, "%s%s:%d", comma, h->name,
                                   h->slots + (at == 0));
    }
    *out = text;
    return GGDM_OK;
}
