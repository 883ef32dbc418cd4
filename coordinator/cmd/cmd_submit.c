/* `ggdm submit`: a sweep as a Slurm job.  Everything that `ggdm run` would check is checked here,
 * before anything is written or queued; the job then runs the copy of the sweep in RUN. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/plural.h"
#include "common/temp.h"
#include "coordinator/cmd/command.h"
#include "coordinator/cmd/evaluations.h"
#include "coordinator/run/estimate.h"
#include "coordinator/run/progress.h"
#include "coordinator/run/run_dir.h"
#include "coordinator/run/setup.h"
#include "coordinator/run/setup_models.h"
#include "slurm/queue.h"
#include "slurm/script.h"

#define DRAIN_SECONDS 180 /* before the time limit; at most a quarter of it */

typedef struct submit_options {
    ggdm_setup_options setup;
    ggdm_slurm_job job;
    int shards; /* 0: one job */
    bool dry_run;
} submit_options;

typedef struct submission {
    const submit_options *o;
    ggdm_slurm_job *job;
    ggdm_setup setup;
    ggdm_run_state state;
    int64_t nodes, tasks, cpus, seconds;
    char *run, *script; /* owned: absolute path of the run, text of the batch script */
} submission;

/* ---- what it asks for ----------------------------------------------------------------------- */

static ggdm_status read_site(ggdm_slurm_job *job, ggdm_error *err)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char *path = NULL;
    if (config && *config)
        GGDM_TRY(ggdm_asprintf(&path, err, "%s/ggdm/site.yaml", config));
    else
        GGDM_TRY(ggdm_asprintf(&path, err, "%s/.config/ggdm/site.yaml", home ? home : ""));
    ggdm_status st = ggdm_exists(path) ? ggdm_slurm_job_read(job, path, err) : GGDM_OK;
    free(path);
    return st;
}

static ggdm_status set_number(ggdm_slurm_job *job, ggdm_slurm_key key, int64_t v, ggdm_error *err)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)v);
    return ggdm_slurm_job_set(job, key, text, err);
}

/* Of a dry run without Slurm (on a laptop, or on the way there) those of this machine. */
static ggdm_status node_cores(const submission *s, int *cores, ggdm_error *err)
{
    ggdm_error why = {0};
    ggdm_status st = ggdm_slurm_node_cores(s->job->value[GGDM_SLURM_PARTITION], cores, &why);
    if (st == GGDM_OK)
        return st;
    if (!s->o->dry_run)
        return GGDM_FAIL(err, st, "%s", why.msg);
    *cores = ggdm_usable_cores();
    ggdm_log(GGDM_LOG_WARN, "%s; the script has the %d of this machine", why.msg, *cores);
    return GGDM_OK;
}

/* Workers and cores where neither the command line nor the site says it. */
static ggdm_status settle_job(submission *s, ggdm_error *err)
{
    ggdm_slurm_job *job = s->job;
    static const ggdm_slurm_key needed[] = {GGDM_SLURM_NODES, GGDM_SLURM_TIME};
    static const char *const names[] = {"--nodes", "--time"};
    for (int i = 0; i < 2; i++)
        if (!job->value[needed[i]])
            return GGDM_FAIL(err, GGDM_EINVAL, "expected %s, here or as %s in site.yaml", names[i],
                             ggdm_slurm_settings[needed[i]].key);
    if (!job->value[GGDM_SLURM_CPUS])
        GGDM_TRY(set_number(job, GGDM_SLURM_CPUS, s->o->setup.threads > 0 ? s->o->setup.threads : 1,
                            err));
    if (!job->value[GGDM_SLURM_LAUNCHER])
        GGDM_TRY(ggdm_slurm_job_set(job, GGDM_SLURM_LAUNCHER, "mpirun", err));
    s->cpus = ggdm_slurm_job_number(job, GGDM_SLURM_CPUS);
    if (!job->value[GGDM_SLURM_TASKS]) {
        int cores = 0;
        GGDM_TRY(node_cores(s, &cores, err));
        int64_t tasks = cores / s->cpus;
        GGDM_TRY(set_number(job, GGDM_SLURM_TASKS, tasks > 0 ? tasks : 1, err));
    }
    s->nodes = ggdm_slurm_job_number(job, GGDM_SLURM_NODES);
    s->tasks = ggdm_slurm_job_number(job, GGDM_SLURM_TASKS);
    s->seconds = ggdm_slurm_seconds(job->value[GGDM_SLURM_TIME]);
    return GGDM_OK;
}

/* ---- the script ----------------------------------------------------------------------------- */

static ggdm_status absolute(const char *path, char **out, ggdm_error *err)
{
    char here[PATH_MAX];
    if (!getcwd(here, sizeof here))
        return GGDM_FAIL(err, GGDM_EIO, "the working directory cannot be told");
    return ggdm_path_join(here, path, out, err);
}

static ggdm_status render(submission *s, ggdm_error *err)
{
    const submit_options *o = s->o;
    char here[PATH_MAX], program[PATH_MAX], name[96], output[PATH_MAX], signal[24], threads[16],
        array[16] = "", shards[16] = "", batch[16] = "";
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    if (!getcwd(here, sizeof here) || len <= 0)
        return GGDM_FAIL(err, GGDM_EIO, "the working directory or the program cannot be told");
    program[len] = '\0';
    int64_t before_end = s->seconds / 4 < DRAIN_SECONDS ? s->seconds / 4 : DRAIN_SECONDS;
    snprintf(signal, sizeof signal, "%lld", (long long)before_end);
    snprintf(name, sizeof name, "ggdm-%.80s", s->setup.spec.name);
    snprintf(output, sizeof output, "%.*s/log/slurm-%s.log", PATH_MAX - 32, s->run,
             o->shards ? "%A_%a" : "%j");
    snprintf(threads, sizeof threads, "%d", s->setup.outfit.job.threads);
    if (o->shards) {
        snprintf(array, sizeof array, "0-%d", o->shards - 1);
        snprintf(shards, sizeof shards, "%d", o->shards);
    }
    if (o->setup.batch)
        snprintf(batch, sizeof batch, "%d", o->setup.batch);
    const ggdm_slurm_place places[] = {
        {"name", name},
        {"output", output},
        {"signal", signal},
        {"array", array},
        {"mail_type", s->job->value[GGDM_SLURM_MAIL] ? "END,FAIL" : NULL},
        {"program", program},
        {"directory", here},
        {"run", s->run},
        {"shards", shards},
        {"threads", threads},
        {"batch", batch},
        {"no_share", o->setup.no_share ? "1" : NULL},
        {NULL, NULL}};
    if (strpbrk(s->run, " \t\n\"'%\\"))
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "run directory %s: Slurm's logs go there, expected a path without "
                         "spaces, quotes, %% and backslash",
                         s->run);
    return ggdm_slurm_script(s->job, places, &s->script, err);
}

/* ---- what it costs -------------------------------------------------------------------------- */

static ggdm_status print_cost(const submission *s, ggdm_error *err)
{
    ggdm_estimate e;
    char limit[16], need[16];
    int64_t jobs = s->o->shards ? s->o->shards : 1, workers = jobs * s->nodes * s->tasks;
    double cores = (double)(workers * s->cpus);
    GGDM_TRY(ggdm_estimate_make(&s->setup, &e, err));
    double work = ggdm_estimate_seconds(&e, &s->setup.plan.shared);
    fprintf(stderr, "%s: %lld job%s of %lld node%s, %lld worker%s of %lld core%s each on a node\n",
            s->setup.spec.name, (long long)jobs, ggdm_plural(jobs), (long long)s->nodes,
            ggdm_plural(s->nodes), (long long)s->tasks, ggdm_plural(s->tasks), (long long)s->cpus,
            ggdm_plural(s->cpus));
    fprintf(stderr, "  limit   %s: at most %.1f core-hours until the job stops or is continued\n",
            ggdm_duration_text((double)s->seconds, limit), cores * (double)s->seconds / 3600);
    fprintf(stderr,
            "  work    about %.1f core-hours, %s with %lld worker%s, if its cores are like those "
            "here\n",
            work * (double)s->cpus / 3600, ggdm_duration_text(work / (double)workers, need),
            (long long)workers, ggdm_plural(workers));
    const ggdm_spec *spec = &s->setup.spec;
    if (spec->until.at_most)
        fprintf(stderr, "  until   that is the first round; in all at most %.3g times as much\n",
                (double)spec->until.at_most / spec->samples);
    return GGDM_OK;
}

/* ---- submitting ----------------------------------------------------------------------------- */

static ggdm_status check_no_live_job(const submission *s, ggdm_error *err)
{
    char *lines = NULL;
    GGDM_TRY(ggdm_slurm_jobs(s->run, &lines, err));
    ggdm_status st = GGDM_OK;
    if (lines && *lines)
        st = GGDM_FAIL(err, GGDM_ESTATE,
                       "run directory %s has a job already: %.*s; expected none (scancel it, or "
                       "let it go on)",
                       s->setup.run_dir, (int)strcspn(lines, "\n"), lines);
    free(lines);
    return st;
}

static ggdm_status write_files(const submission *s, ggdm_error *err)
{
    char *log = NULL;
    GGDM_TRY(ggdm_path_join(s->run, "log", &log, err));
    ggdm_status st = ggdm_make_dirs(log, err);
    free(log);
    if (st == GGDM_OK && s->state == GGDM_RUN_NEW)
        st = ggdm_replace_file_in(s->run, "sweep.yaml", s->setup.sweep_text,
                                  strlen(s->setup.sweep_text), err);
    if (st == GGDM_OK && s->state == GGDM_RUN_NEW)
        st = ggdm_setup_freeze_models(&s->setup, s->run, err);
    if (st == GGDM_OK)
        st =
            ggdm_replace_file_in(s->run, GGDM_SLURM_SCRIPT_FILE, s->script, strlen(s->script), err);
    return st;
}

static ggdm_status queue(const submission *s, ggdm_error *err)
{
    char *path = NULL, *job = NULL;
    GGDM_TRY(ggdm_path_join(s->run, GGDM_SLURM_SCRIPT_FILE, &path, err));
    ggdm_status st = ggdm_slurm_submit(s->run, path, &job, err);
    free(path);
    if (st != GGDM_OK)
        return st;
    printf("%s\n", job);
    ggdm_log(GGDM_LOG_INFO, "job %s will run %s in %s; `ggdm status %s` shows how far it is", job,
             s->setup.spec.name, s->setup.run_dir, s->setup.run_dir);
    free(job);
    return st;
}

/* Two of these at once: one has the lock until the other's job can be seen. */
static ggdm_status submit(submission *s, ggdm_error *err)
{
    int lock = -1;
    GGDM_TRY(ggdm_make_dirs(s->run, err));
    GGDM_TRY(ggdm_run_dir_lock(s->run, &lock, err));
    ggdm_status st = check_no_live_job(s, err);
    if (st == GGDM_OK)
        st = write_files(s, err);
    if (st == GGDM_OK)
        st = queue(s, err);
    if (lock >= 0)
        close(lock);
    return st;
}

/* For a dry run it does not matter that a run of this sweep is going on. */
static ggdm_status look_at_run(submission *s, ggdm_error *err)
{
    ggdm_setup_found found;
    ggdm_error why = {0};
    ggdm_status st = ggdm_setup_run_state(&s->setup, &s->state, NULL, &why);
    if (st == GGDM_ESTATE && s->o->dry_run && ggdm_setup_look(&s->setup, &found, NULL) == GGDM_OK &&
        found.present && !found.other && found.why.code == GGDM_OK) {
        ggdm_log(GGDM_LOG_WARN, "it would not be submitted now: %s", why.msg);
        s->state = GGDM_RUN_STARTED;
        return GGDM_OK;
    }
    return st == GGDM_OK ? st : GGDM_FAIL(err, st, "%s", why.msg);
}

static ggdm_status prepare_submission(submission *s, ggdm_isa isa, ggdm_error *err)
{
    ggdm_setup_options setup = s->o->setup;
    GGDM_TRY(read_site(s->job, err));
    GGDM_TRY(settle_job(s, err));
    if (setup.threads <= 0)
        setup.threads = (int)s->cpus;
    GGDM_TRY(ggdm_setup_make(&setup, isa, &s->setup, err));
    if (s->o->shards)
        GGDM_TRY(ggdm_setup_check_shards(&s->setup, err));
    GGDM_TRY(ggdm_evaluations_check(&s->setup.spec, s->setup.run_dir, err));
    ggdm_evaluations_warn(&s->setup.spec);
    GGDM_TRY(absolute(s->setup.run_dir, &s->run, err));
    if (!s->o->dry_run) {
        GGDM_TRY(check_no_live_job(s, err));
        GGDM_TRY(ggdm_run_dir_forget_jobs(s->run, err));
    }
    GGDM_TRY(look_at_run(s, err));
    return render(s, err);
}

static ggdm_status run_submit(submission *s, ggdm_error *err)
{
    ggdm_isa isa;
    GGDM_TRY(ggdm_isa_choose(&isa, err));
    GGDM_TRY(prepare_submission(s, isa, err));
    if (s->state == GGDM_RUN_COMPLETE)
        ggdm_log(GGDM_LOG_INFO, "nothing is left to do in %s%s", s->setup.run_dir,
                 s->o->dry_run ? ": it would not be submitted" : "");
    if (!s->o->dry_run)
        return s->state == GGDM_RUN_COMPLETE ? GGDM_OK : submit(s, err);
    fputs(s->script, stdout);
    fflush(stdout);
    return print_cost(s, err);
}

/* ---- arguments ------------------------------------------------------------------------------ */

enum { KEY_DRY_RUN = 1000, KEY_SHARDS, KEY_SETTING };

/* "tasks_per_node" is --tasks-per-node. */
static const char *option_name(int setting)
{
    static char names[GGDM_SLURM_N_KEYS][32];
    snprintf(names[setting], sizeof *names, "%s", ggdm_slurm_settings[setting].key);
    for (char *c = names[setting]; (c = strchr(c, '_'));)
        *c = '-';
    return names[setting];
}

static error_t parse_submit_option(int key, char *arg, struct argp_state *state)
{
    submit_options *o = state->input;
    ggdm_error err = {0};
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->setup;
        return 0;
    case KEY_DRY_RUN:
        o->dry_run = true;
        return 0;
    case KEY_SHARDS:
        o->shards = ggdm_command_int(state, "--shards", arg, 1, GGDM_MAX_SHARDS);
        return 0;
    default:
        if (key < KEY_SETTING || key >= KEY_SETTING + GGDM_SLURM_N_KEYS)
            return ARGP_ERR_UNKNOWN;
        if (ggdm_slurm_job_set(&o->job, (ggdm_slurm_key)(key - KEY_SETTING), arg, &err) != GGDM_OK)
            argp_error(state, "--%s: %s", option_name(key - KEY_SETTING), err.msg);
        return 0;
    }
}

/* Options from the table of settings. */
static const struct argp_option *make_options(void)
{
    static struct argp_option options[GGDM_SLURM_N_KEYS + 3];
    int n = 0;
    for (; n < GGDM_SLURM_N_KEYS; n++)
        options[n] = (struct argp_option){.name = option_name(n),
                                          .key = KEY_SETTING + n,
                                          .arg = ggdm_slurm_settings[n].metavar,
                                          .doc = ggdm_slurm_settings[n].help};
    options[n++] = (struct argp_option){
        .name = "shards",
        .key = KEY_SHARDS,
        .arg = "N",
        .doc = "an array of N jobs, each with a part of the units and a database of its own; the "
               "last one joins them (`ggdm merge')"};
    options[n++] =
        (struct argp_option){.name = "dry-run",
                             .key = KEY_DRY_RUN,
                             .doc = "print the batch script and what it costs; write nothing"};
    return options;
}

int ggdm_cmd_submit(int argc, char **argv)
{
    const struct argp argp = {
        make_options(),
        parse_submit_option,
        "SWEEP.yaml",
        "Submit a sweep as a Slurm job, or the rest of one: the job drains before its time limit "
        "and queues itself again until nothing is left.  Prints the number of the job.\v"
        "Defaults come from ~/.config/ggdm/site.yaml, with '_' for '-' in the names of options: "
        "`partition: long'.\n\n"
        "Example:\n  ggdm submit examples/mnist-demo.yaml --nodes 4 --time 12:00:00 --dry-run",
        ggdm_setup_children,
        NULL,
        NULL};
    submit_options options = {0};
    ggdm_error err = {0};
    if (ggdm_command_parse(&argp, argc, argv, &options))
        return GGDM_EXIT_USAGE;
    submission s = {.o = &options, .job = &options.job};
    ggdm_status st = run_submit(&s, &err);
    free(s.script);
    free(s.run);
    ggdm_setup_deinit(&s.setup);
    ggdm_slurm_job_deinit(&options.job);
    return st == GGDM_OK ? GGDM_EXIT_OK : ggdm_command_fail("submit", &err);
}
