#include "tests/support/exact.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/ggdm_test.h"

enum { D = GGDM_EXACT_D, K = GGDM_EXACT_K };

/* ---- by hand ---- */

static double pull(const ggdm_exact *w, const double *x, double ab, int k, int i)
{
    return (x[i] - sqrt(ab) * w->mean[k][i]) / (ab * w->variance[k][i] + 1 - ab);
}

void ggdm_exact_posterior(const ggdm_exact *w, const double *x, double ab, double *p)
{
    double l[K], most = -INFINITY, sum = 0;
    for (int k = 0; k < K; k++) {
        l[k] = log(w->weight[k]);
        for (int i = 0; i < D; i++) {
            const double v = ab * w->variance[k][i] + 1 - ab, r = pull(w, x, ab, k, i);
            l[k] -= 0.5 * (log(v) + r * r * v);
        }
        most = fmax(most, l[k]);
    }
    for (int k = 0; k < K; k++)
        sum += p[k] = exp(l[k] - most);
    for (int k = 0; k < K; k++)
        p[k] /= sum;
}

void ggdm_exact_eps(const ggdm_exact *w, const double *x, double ab, int only, double *out)
{
    double p[K];
    ggdm_exact_posterior(w, x, ab, p);
    for (int i = 0; i < D; i++) {
        out[i] = 0;
        for (int k = 0; k < K; k++)
            out[i] += sqrt(1 - ab) * (only < 0 ? p[k] : only == k) * pull(w, x, ab, k, i);
    }
}

void ggdm_exact_slope(const ggdm_exact *w, const double *x, double ab, int target, double *out)
{
    double p[K];
    ggdm_exact_posterior(w, x, ab, p);
    for (int i = 0; i < D; i++) {
        out[i] = 0;
        for (int k = 0; k < K; k++)
            out[i] += p[k] * (pull(w, x, ab, k, i) - pull(w, x, ab, target, i));
    }
}

/* ---- models ---- */

static int print_list(char *text, size_t size, const double *v)
{
    return snprintf(text, size, "[%.17g, %.17g, %.17g, %.17g]", v[0], v[1], v[2], v[3]);
}

static void write_config(const ggdm_exact *w, const char *dir, const char *head)
{
    char text[2000], *path = ggdm_test_path(dir, "config.json");
    size_t n =
        (size_t)snprintf(text, sizeof text, "{%s, \"sample_size\": 2, \"components\": [", head);
    for (int k = 0; k < K; k++) {
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "%s{\"weight\": %.17g, \"mean\": ", k ? ", " : "", w->weight[k]);
        n += (size_t)print_list(text + n, sizeof text - n, w->mean[k]);
        n += (size_t)snprintf(text + n, sizeof text - n, ", \"variance\": ");
        n += (size_t)print_list(text + n, sizeof text - n, w->variance[k]);
        n += (size_t)snprintf(text + n, sizeof text - n, "}");
    }
    n += (size_t)snprintf(text + n, sizeof text - n, "]}");
    ggdm_test_write(path, text, n);
    free(path);
    path = ggdm_test_path(dir, "scheduler_config.json");
    n = (size_t)snprintf(text, sizeof text,
                         "{\"num_train_timesteps\": %d, \"beta_schedule\": \"linear\", "
                         "\"beta_start\": %.17g, \"beta_end\": %.17g}",
                         w->train_steps, w->beta_start, w->beta_end);
    ggdm_test_write(path, text, n);
    free(path);
}

void ggdm_exact_open(ggdm_exact *w)
{
    const char *const heads[] = {w->conditional
                                     ? "\"_class_name\": \"GaussianMixture\", \"conditional\": true"
                                     : "\"_class_name\": \"GaussianMixture\"",
                                 "\"_class_name\": \"GaussianMixtureClassifier\", \"noisy\": true",
                                 "\"_class_name\": \"GaussianMixtureClassifier\""};
    const int last = w->train_steps - 1;
    for (int t = 0; t <= last; t++) {
        const double beta = w->beta_start + (w->beta_end - w->beta_start) * t / last;
        w->alpha_bar[t] = (t > 0 ? w->alpha_bar[t - 1] : 1) * (1 - beta);
    }
    w->arena = (ggdm_arena){0};
    w->dir = ggdm_test_mkdtemp();
    for (int i = 0; i < 3; i++) {
        write_config(w, w->dir, heads[i]);
        w->files[i] = (ggdm_model_files){0};
        ggdm_model *model = ggdm_tiny_model_open(w->dir, &w->files[i]);
        w->refs[i] = (ggdm_model_ref){.digest = ggdm_tiny_digests[i], .model = model};
    }
    w->models = (ggdm_models){.items = w->refs, .n = 3};
}

void ggdm_exact_close(ggdm_exact *w)
{
    for (int i = 0; i < 3; i++) {
        ggdm_model *model = (ggdm_model *)w->refs[i].model;
        ggdm_model_destroy(&model);
        ggdm_model_files_close(&w->files[i]);
    }
    ggdm_arena_deinit(&w->arena);
    ggdm_test_rmdir(w->dir);
}
