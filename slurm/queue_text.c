#include "slurm/queue_text.h"

#include <stdio.h>
#include <string.h>

#include "common/mem.h"

ggdm_status ggdm_slurm_list_jobs(const char *text, char **out, ggdm_error *err)
{
    static const char space[] = " \n";
    GGDM_TRY(ggdm_alloc(out, strlen(text) + 3, 1, err));
    char *to = *out;
    for (text += strspn(text, space); *text; text += strspn(text, space)) {
        size_t len = strcspn(text, space);
        if (to == *out)
            *to++ = ' ';
        memcpy(to, text, len);
        to[len] = ' ';
        to += len + 1;
        text += len;
    }
    return GGDM_OK;
}

void ggdm_slurm_keep_lines(char *lines, const char *jobs)
{
    char *to = lines, word[32];
    for (char *line = lines, *next; *line; line = next) {
        size_t len = strcspn(line, "\n"), first = strcspn(line, " \n");
        next = line + len + (line[len] == '\n');
        if (line[first] != ' ' || first > sizeof word - 3)
            continue;
        snprintf(word, sizeof word, " %.*s ", (int)first, line);
        if (!strstr(jobs, word))
            continue;
        len = (size_t)(next - line) - first - 1;
        memmove(to, line + first + 1, len);
        to += len;
    }
    *to = '\0';
}

static bool in_queue(const char *queue, const char *job, size_t len)
{
    for (; queue; queue = strchr(queue, '\n')) {
        queue += *queue == '\n';
        if (strncmp(queue, job, len) == 0 && queue[len] == ' ')
            return true;
    }
    return false;
}

void ggdm_slurm_drop_queued(char *jobs, const char *queue)
{
    if (!*jobs)
        return;
    char *to = jobs + 1;
    for (const char *job = to; *job;) {
        size_t len = strcspn(job, " ");
        const char *next = job + len + (job[len] == ' ');
        if (!in_queue(queue, job, len)) {
            memmove(to, job, (size_t)(next - job));
            to += next - job;
        }
        job = next;
    }
    *to = '\0';
}

int ggdm_slurm_fewest_cores(char *lines, bool any)
{
    char name[256], *save = NULL;
    int fewest = 0;
    for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        int n = 0;
        if ((sscanf(line, "%d%*[+] %255s", &n, name) == 2 ||
             sscanf(line, "%d %255s", &n, name) == 2) &&
            n > 0 && (any || strchr(name, '*')) && (fewest == 0 || n < fewest))
            fewest = n;
    }
    return fewest;
}
