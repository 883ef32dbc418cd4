#include "coordinator/cmd/run_rank.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/transport.h"
#include "coordinator/cmd/command.h"
#include "coordinator/cmd/evaluations.h"
#include "coordinator/run/dispatch.h"
#include "coordinator/run/progress.h"
#include "coordinator/show/finish.h"
#include "coordinator/world/orphan.h"
#include "coordinator/world/stop.h"
#include "coordinator/world/launch.h"
#include "worker/worker_loop.h"

ggdm_status ggdm_run_take_over(const ggdm_run_options *options, const char *dir, ggdm_error *err)
{
    bool ours = options->take_over && !getenv(GGDM_LAUNCH_ENV);
    return ours ? ggdm_store_take_over(dir, err) : GGDM_OK;
}

bool ggdm_run_evaluates(const ggdm_setup *setup)
{
    return (setup->spec.n_evaluations > 0 || setup->spec.trace.images > 0) && setup->shards == 0;
}

/* ---- rank 0 ---- */

typedef struct session {
    ggdm_transport *t;
    ggdm_setup setup;
    ggdm_store *store;
    ggdm_progress *progress;
    ggdm_dispatch_end end;
} session;

/* Everything before the workers get their outfit.  A failure here is told to them as well. */
static ggdm_status prepare_run(session *s, const ggdm_run_options *options, ggdm_error *err)
{
    ggdm_isa isa;
    GGDM_TRY(ggdm_startup_isa(s->t, &isa, err));
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_setup_make(&options->setup, isa, &s->setup, err), tell);
    GGDM_TRY_GOTO(st, ggdm_evaluations_check(&s->setup.spec, s->setup.run_dir, err), tell);
    GGDM_TRY_GOTO(st, ggdm_run_take_over(options, s->setup.run_dir, err), tell);
    GGDM_TRY_GOTO(st, ggdm_setup_open_store(&s->setup, &s->store, err), tell);
    st = ggdm_progress_create(s->store, &s->progress, err);
tell:
    if (st != GGDM_OK)
        ggdm_startup_give(s->t, NULL, NULL);
    return st;
}

static int exit_code_of(const session *s, ggdm_status st)
{
    if (st == GGDM_EIO && s->store)
        return GGDM_EXIT_INTERRUPTED; /* disk full, file system gone: the run itself is fine */
    if (st != GGDM_OK)
        return ggdm_exit_code(st);
    return s->end == GGDM_DISPATCH_INTERRUPTED ? GGDM_EXIT_INTERRUPTED
                                               : ggdm_rest_exit_code(s->store);
}

/* Into the status file; returns whether it is there. */
static bool record(session *s, ggdm_status st, const ggdm_error *why)
{
    int code = exit_code_of(s, st);
    const char *phase = st == GGDM_ECOMM                                         ? "lost"
                        : code == GGDM_EXIT_OK || code == GGDM_EXIT_FAILED_UNITS ? "done"
                        : code == GGDM_EXIT_INTERRUPTED                          ? "interrupted"
                                                                                 : "failed";
    ggdm_error err = {0};
    ggdm_status written =
        ggdm_progress_record(s->progress, phase, code, st == GGDM_OK ? NULL : why->msg, &err);
    if (written != GGDM_OK)
        ggdm_log(GGDM_LOG_WARN, "status file: %s", err.msg);
    return written == GGDM_OK;
}

/* Generate; in the end the world is left, or ended where workers do not answer. */
static ggdm_status generate(session *s, ggdm_error *err)
{
    bool clean = false;
    GGDM_TRY(ggdm_startup_give(s->t, &s->setup.outfit, err));
    const ggdm_growth growth = ggdm_setup_growth(&s->setup);
    ggdm_status st = ggdm_dispatch_run(s->t, s->store, &growth, s->progress, &s->end, &clean, err);
    if (!clean) {
        if (st == GGDM_OK)
            st = GGDM_FAIL(err, s->end == GGDM_DISPATCH_FINISHED ? GGDM_ECOMM : GGDM_ECANCELLED,
                           "some workers did not leave");
        ggdm_log(GGDM_LOG_WARN, "%s", err->msg);
        record(s, st, err);
        int code = exit_code_of(s, st);
        ggdm_store_close(&s->store);
        ggdm_transport_abort(s->t, code);
    }
    ggdm_transport_close(&s->t); /* workers need not wait for what follows */
    return st;
}

static ggdm_status finish_run(session *s, ggdm_error *err)
{
    const char *dir = s->setup.run_dir;
    ggdm_stop_default(); /* what is written from here on can be written again */
    if (s->end == GGDM_DISPATCH_FINISHED && ggdm_stop_count() > 0)
        return GGDM_FAIL(err, GGDM_ECANCELLED,
                         "stopped when all images were done; the same command writes archives and "
                         "summary in %s",
                         dir);
    if (s->end == GGDM_DISPATCH_INTERRUPTED) {
        const ggdm_store_counts *c = ggdm_store_counts_get(s->store);
        char text[96];
        ggdm_log(GGDM_LOG_INFO,
                 "interrupted with %s done; the same command continues the run in %s",
                 ggdm_images_text(c->images_done, c->images_total, c->images_asked, text), dir);
        return GGDM_OK;
    }
    GGDM_TRY(ggdm_progress_record(s->progress, "finishing", -1, NULL, err));
    GGDM_TRY(ggdm_progress_keep_fresh(s->progress, err));
    return ggdm_finish_run(
        s->store, dir, GGDM_FINISH_WRITE | (ggdm_run_evaluates(&s->setup) ? 0 : GGDM_FINISH_TELL),
        err);
}

/* Who launched a world sees to it in another one (cmd_run.c). */
static int evaluate_here(const ggdm_setup *setup, int code)
{
    ggdm_error err = {0};
    const bool done = code == GGDM_EXIT_OK || code == GGDM_EXIT_FAILED_UNITS;
    if (!done || !ggdm_run_evaluates(setup))
        return code;
    if (ggdm_evaluations_run(&setup->spec, setup->run_dir, NULL, NULL, &code, &err) != GGDM_OK)
        return ggdm_command_fail("run", &err);
    return code;
}

/* The life of rank 0.  Closes *t. */
static int run_coordinator(ggdm_transport *t, const ggdm_run_options *options)
{
    session s = {.t = t, .end = GGDM_DISPATCH_INTERRUPTED};
    ggdm_error err = {0};
    ggdm_status st = prepare_run(&s, options, &err);
    if (st == GGDM_OK)
        st = generate(&s, &err);
    ggdm_transport_close(&s.t);
    if (st == GGDM_OK)
        st = finish_run(&s, &err);
    int code = s.store ? exit_code_of(&s, st) : ggdm_exit_code(st);
    if (st != GGDM_OK)
        ggdm_command_fail("run", &err);
    bool told = s.progress && record(&s, st, &err) && getenv(GGDM_LAUNCH_ENV);
    ggdm_progress_destroy(&s.progress);
    ggdm_store_close(&s.store);
    if (!getenv(GGDM_LAUNCH_ENV))
        code = evaluate_here(&s.setup, code);
    ggdm_setup_deinit(&s.setup);
    /* The launching process reads the code in the status file; mpirun would make a fuss about it.
     */
    return told ? GGDM_EXIT_OK : code;
}

/* ---- other ranks ---- */

static int run_worker(ggdm_transport *t)
{
    ggdm_error err = {0};
    ggdm_isa isa;
    ggdm_status st = ggdm_startup_isa(t, &isa, &err);
    bool together = st != GGDM_OK; /* all ranks fail there or none */
    if (st == GGDM_OK)
        st = ggdm_worker_run(t, &ggdm_engine_sampler, &err);
    if (st != GGDM_OK && !together) {
        ggdm_log(GGDM_LOG_ERROR, "%s", err.msg);
        ggdm_transport_abort(t, ggdm_exit_code(st));
    }
    ggdm_transport_close(&t);
    return GGDM_EXIT_OK; /* the coordinator speaks for the world */
}

int ggdm_run_rank(const ggdm_run_options *options)
{
    ggdm_error err = {0};
    ggdm_transport *t = NULL;
    ggdm_stop_install(); /* before MPI: a signal must not end a rank that starts */
    ggdm_end_with_parent();
    if (ggdm_transport_mpi_open(&t, &err) != GGDM_OK)
        return ggdm_command_fail("run", &err);
    if (ggdm_transport_rank(t) == 0 && ggdm_transport_size(t) < 2) {
        ggdm_log(GGDM_LOG_ERROR, "the MPI world has one rank, expected a coordinator and at least "
                                 "one worker (mpirun -n 2)");
        ggdm_transport_close(&t);
        return GGDM_EXIT_USAGE;
    }
    if (ggdm_transport_rank(t) == 0)
        return run_coordinator(t, options);
    ggdm_log_set_rank(ggdm_transport_rank(t));
    ggdm_stop_ignore();
    return run_worker(t);
}

/* ---- without MPI: one worker in a thread ---- */

static void *worker_thread(void *context)
{
    run_worker(context);
    return NULL;
}

int ggdm_run_alone(const ggdm_run_options *options, ggdm_error *err)
{
    ggdm_transport *t[2];
    pthread_t thread;
    ggdm_status st = ggdm_transport_loop_open(2, t, err);
    if (st == GGDM_OK && pthread_create(&thread, NULL, worker_thread, t[1]) != 0) {
        ggdm_transport_close(&t[0]);
        ggdm_transport_close(&t[1]);
        st = GGDM_FAIL(err, GGDM_EINTERNAL, "cannot start a thread");
    }
    if (st != GGDM_OK)
        return ggdm_command_fail("run", err);
    ggdm_stop_install();
    int code = run_coordinator(t[0], options);
    pthread_join(thread, NULL);
    return code;
}
