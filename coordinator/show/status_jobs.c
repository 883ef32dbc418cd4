#include "coordinator/show/status_jobs.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "coordinator/show/status_file.h"
#include "coordinator/show/status_view.h"
#include "slurm/queue.h"

bool ggdm_status_is_submitted(const char *dir)
{
    char *lines = NULL;
    bool submitted = ggdm_slurm_jobs_seen(dir, &lines, NULL) == GGDM_OK && lines;
    free(lines);
    return submitted;
}

void ggdm_status_print_jobs(FILE *out, const char *dir)
{
    char *lines = NULL;
    ggdm_error err = {0};
    if (ggdm_slurm_jobs_seen(dir, &lines, &err) != GGDM_OK)
        fprintf(out, "  Slurm      %s\n", err.msg);
    else if (lines && !*lines)
        fprintf(out, "  Slurm      no job of this run is in the queue\n");
    for (char *line = lines, *end; line && *line; line = end + 1) {
        char id[64], state[64], reason[128], left[64];
        end = line + strcspn(line, "\n");
        if (sscanf(line, "%63s %63s %127s %63s", id, state, reason, left) == 4)
            fprintf(out, "  Slurm      job %s %s%s%s, time left %s\n", id, state,
                    strcmp(reason, "None") == 0 ? "" : ", ",
                    strcmp(reason, "None") == 0 ? "" : reason, left);
        if (!*end)
            break;
    }
    free(lines);
}

/* The shards below a run that is not merged yet. */
static void print_shards(FILE *out, const char *dir)
{
    struct dirent **names = NULL;
    char *path = NULL;
    if (ggdm_path_join(dir, "shards", &path, NULL) != GGDM_OK)
        return;
    int n = scandir(path, &names, NULL, versionsort);
    for (int i = 0; i < n; i++) {
        char *shard = NULL;
        ggdm_run_status s = {0};
        if (names[i]->d_name[0] != '.' &&
            ggdm_path_join(path, names[i]->d_name, &shard, NULL) == GGDM_OK &&
            ggdm_run_status_read(shard, &s, NULL) == GGDM_OK) {
            fprintf(out, "  shard %-4s ", names[i]->d_name);
            ggdm_status_print_line(out, s.doc->root);
        }
        ggdm_run_status_free(&s);
        free(shard);
        free(names[i]);
    }
    free(names);
    free(path);
}

void ggdm_status_print_waiting(FILE *out, const char *dir)
{
    fprintf(out, "%s: no images here yet\n", dir);
    ggdm_status_print_jobs(out, dir);
    print_shards(out, dir);
}
